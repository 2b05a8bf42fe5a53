/** The second factor: codes of an authenticator (TOTP, RFC 6238), each good once, and recovery codes instead. */
import type { KeyObject } from 'node:crypto';
import { generateSecret, generateURI, verifySync } from 'otplib';
import type { Place, Vault } from '../../engines/vault/vault.ts';
import type { RecoveryCodes, TotpEnrolment } from '../../kernel/contract.generated.ts';
import type { Clock } from '../../kernel/clock.ts';
import { fail } from '../../kernel/errors.ts';
import { hashToken, randomText } from './token-secret.ts';
import type { StoredUser, UserStore } from './user-store.ts';

export interface SecondFactor {
  /** Whether the code is good for this person now; uses it up. */
  accept(user: StoredUser, code: string): Promise<boolean>;
  /** What was on before stays on until the first code was seen. */
  enrol(user: StoredUser): Promise<TotpEnrolment>;
  confirm(user: StoredUser, code: string): Promise<RecoveryCodes>;
  newRecoveryCodes(user: StoredUser): Promise<RecoveryCodes>;
  remove(userId: string): Promise<void>;
}

interface SecondFactorDeps {
  readonly store: UserStore;
  readonly vault: Vault;
  readonly pepper: KeyObject;
  readonly clock: Clock;
}

const ISSUER = 'Fila';
/** One step before and one after, for clocks that are not quite right. */
const TOLERANCE_S = 30;
const RECOVERY_CODES = 10;
/** 4 times 6 characters of 5 bits: 120 bits. No letters that look like digits. */
const RECOVERY_ALPHABET = '23456789abcdefghjkmnpqrstuvwxyz0';
const RECOVERY_PARTS = 4;
const RECOVERY_PART_LENGTH = 6;

export function createSecondFactor({ store, vault, pepper, clock }: SecondFactorDeps): SecondFactor {
  /** The step of a code that is right, or null. */
  async function stepOf(sealed: Buffer, place: Place, code: string): Promise<number | null> {
    const secret = (await vault.open(place, sealed)).toString();
    const epoch = Math.floor(clock.now() / 1000);
    const result = verifySync({ secret, token: code, epoch, epochTolerance: TOLERANCE_S });
    return result.valid ? (result as { timeStep: number }).timeStep : null;
  }

  async function newRecoveryCodes({ id }: StoredUser): Promise<RecoveryCodes> {
    const codes = Array.from({ length: RECOVERY_CODES }, newRecoveryCode);
    await store.putRecoveryCodes(
      id,
      codes.map((code) => hashToken(pepper, plain(code))),
    );
    return { codes };
  }

  return {
    accept: async (user, code) => {
      if (!user.totpSecret) return false;
      if (!/^\d{6}$/.test(code)) return store.takeRecoveryCode(user.id, hashToken(pepper, plain(code)));
      const step = await stepOf(user.totpSecret, placeOf(user.id, 'totp_secret'), code);
      return step !== null && store.takeStep(user.id, step);
    },
    enrol: async ({ id, name }) => {
      const secret = generateSecret();
      await store.change(id, { totpPending: vault.seal(placeOf(id, 'totp_pending'), Buffer.from(secret)) });
      return { secret, uri: generateURI({ issuer: ISSUER, label: name, secret }) };
    },
    confirm: async (user, code) => {
      const { id, totpPending } = user;
      if (!totpPending) throw fail('conflict', { detail: 'No new authenticator waits for its first code.' });
      const place = placeOf(id, 'totp_pending');
      const step = await stepOf(totpPending, place, code);
      if (step === null)
        throw fail('validation_failed', {
          detail: 'This is not the present code.',
          errors: [{ pointer: '/code', detail: 'must be the code that the authenticator shows now' }],
        });
      const secret = await vault.open(place, totpPending);
      await store.change(id, {
        ...{ totpSecret: vault.seal(placeOf(id, 'totp_secret'), secret), totpPending: null },
        totpLastStep: step,
      });
      return newRecoveryCodes(user);
    },
    newRecoveryCodes: async (user) => {
      if (!user.totpSecret) throw fail('conflict', { detail: 'No second factor is on.' });
      return newRecoveryCodes(user);
    },
    remove: async (userId) => {
      await store.change(userId, { totpSecret: null, totpPending: null });
      await store.putRecoveryCodes(userId, []);
    },
  };
}

function placeOf(row: string, column: 'totp_secret' | 'totp_pending'): Place {
  return { table: 'admin_users', row, column };
}

function newRecoveryCode(): string {
  const part = (): string => randomText(RECOVERY_PART_LENGTH, RECOVERY_ALPHABET);
  return Array.from({ length: RECOVERY_PARTS }, part).join('-');
}

/** As people type it back. */
function plain(code: string): string {
  return code.toLowerCase().replaceAll(/[^0-9a-z]/g, '');
}
