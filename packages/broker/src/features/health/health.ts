/** Puts together how the parts of the daemon are. */
import type { Readiness } from '../../kernel/contract.generated.ts';

export type CheckStatus = 'ok' | 'degraded' | 'down';

export interface Checked {
  readonly status: CheckStatus;
  readonly detail?: string;
  /** When it became so. */
  readonly since?: string;
}

export interface HealthCheck {
  readonly name: string;
  /** Whether requests can be accepted without it. */
  readonly needed: boolean;
  run(): Promise<Checked>;
}

export interface Health {
  check(): Promise<Required<Pick<Readiness, 'status' | 'checks'>>>;
  /** From now on: not ready. */
  stopping(): void;
}

const CHECK_TIMEOUT_MS = 2_000;

/** `checksOfNow` is asked each time: upstreams come and go. */
export function createHealth(checksOfNow: () => readonly HealthCheck[]): Health {
  let isStopping = false;

  async function runCheck(check: HealthCheck): Promise<Checked & { name: string }> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('no answer')), CHECK_TIMEOUT_MS);
    });
    try {
      return { name: check.name, ...(await Promise.race([check.run(), late])) };
    } catch {
      return { name: check.name, status: 'down', detail: 'does not answer' };
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    stopping: () => {
      isStopping = true;
    },
    check: async () => {
      const checks = checksOfNow();
      const results = await Promise.all(checks.map(runCheck));
      if (isStopping) results.push({ name: 'daemon', status: 'down', detail: 'is stopping' });
      const isDown = isStopping || checks.some((check, i) => check.needed && results[i]!.status === 'down');
      const isWhole = results.every((result) => result.status === 'ok');
      return { status: isDown ? 'down' : isWhole ? 'ok' : 'degraded', checks: results };
    },
  };
}
