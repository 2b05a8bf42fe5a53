/** For tests: the room on real engines, with a clock that stands still until it is told. */
import { generateSync } from 'otplib';
import type { Engines } from '../../../testing/databases.ts';
import { silentLogger } from '../../../kernel/logger.ts';
import { peopleStore } from '../people-store.ts';
import { createPeople, type People, type PeopleSettings } from '../people.ts';
import type { From } from '../sign-in-acts.ts';
import { ADMIN_TOKEN, type Caller, type Role } from '../permissions.ts';

export const PASSWORD = 'tangled-otter-bicycle-9';
export const ADDRESS = '10.0.0.1';
export const FROM: From = { address: ADDRESS, client: 'test', ip: ADDRESS, requestId: 'call-1' };
export const SETTINGS: PeopleSettings = {
  ...{ sessionIdleMinutes: 30, sessionHours: 12, superAdminSessionHours: 4, requireTotp: false },
};

export interface MovingClock {
  now(): number;
  pass(ms: number): void;
}

export function movingClock(startMs = Date.now()): MovingClock {
  let now = startMs;
  return { now: () => now, pass: (ms) => void (now += ms) };
}

export function peopleOn(
  { database, vault }: Engines,
  clock: MovingClock,
  settings: Partial<PeopleSettings> = {},
  audit: Parameters<typeof createPeople>[0]['audit'] = { perform: (_act, _call, work) => work() },
): People {
  const store = peopleStore(database.sequelize);
  const logger = silentLogger;
  return createPeople({ audit, store, vault, clock, logger, settings: { ...SETTINGS, ...settings } });
}

let count = 0;

/** Somebody with a password of their own. */
export async function somebody(people: People, role: Role): Promise<{ id: string; name: string }> {
  const name = `p${++count}-${role}`;
  const { user, reset_token } = await people.users.create({ name, role });
  await people.users.setPassword({ reset_token, password: PASSWORD }, FROM);
  return { id: user.id, name };
}

export async function signedIn(people: People, name: string, code?: string) {
  const input = { name, password: PASSWORD, ...(code === undefined ? {} : { code }) };
  const { token, session } = await people.sessions.signIn(input, FROM);
  return { token, session, caller: (await people.accept(token))! };
}

/** Switches the second factor on; the authenticator, and the recovery codes. */
export async function withTotp(people: People, caller: Caller, clock: MovingClock) {
  const { secret } = await people.me.enrolTotp(caller);
  const codeNow = (): string => generateSync({ secret, epoch: Math.floor(clock.now() / 1000) });
  const { codes } = await people.me.confirmTotp(caller, { code: codeNow() });
  return { secret, codeNow, codes };
}

/** What a call was refused with. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'none',
    (error: { code?: string }) => error.code ?? String(error),
  );
}

export { ADMIN_TOKEN };
