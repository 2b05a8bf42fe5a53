/** A person as the API shows them: no hash, no secret. */
import type { User } from '../../kernel/contract.generated.ts';
import type { StoredUser } from './user-store.ts';

export function userOnWire(user: StoredUser): User {
  return {
    ...{ id: user.id, name: user.name, role: user.role, status: user.status },
    has_password: user.passwordHash !== null,
    totp: user.totpSecret !== null,
    last_login_at: user.lastLoginAt === null ? null : new Date(user.lastLoginAt).toISOString(),
    created_at: new Date(user.createdAt).toISOString(),
  };
}
