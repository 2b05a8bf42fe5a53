/** The engines as health checks, and what a caller is told while the one is away that nothing goes without. */
import type { EngineState } from '../../engines/circuit/circuit.ts';
import type { HealthCheck } from './health.ts';

const NEEDED = 'database';

/** Without the database nothing can be accepted; without the others it is accepted and waits. */
export function engineChecks(states: () => readonly EngineState[]): HealthCheck[] {
  return states().map(({ name }, index) => ({
    name,
    needed: name === NEEDED,
    run: async () => {
      const { isUp, why, since } = states()[index]!;
      const detail = why === null ? {} : { detail: why };
      return { status: isUp ? 'ok' : 'down', since: new Date(since).toISOString(), ...detail };
    },
  }));
}

/** Null when calls can be answered. */
export function whyUnavailable(states: readonly EngineState[]): string | null {
  const isAway = states.some(({ name, isUp }) => name === NEEDED && !isUp);
  return isAway ? 'The database is out of reach. Nothing was accepted.' : null;
}
