/** The exit codes: the one table that commands, errors, help and README share. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  partial: 3,
  notAllowed: 4,
  notFound: 5,
  conflict: 6,
  unreachable: 7,
  degraded: 8,
  badConfig: 78,
  /** 128 + the number of the signal, as shells have it. */
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [EXIT.ok, 'ok, also when there was nothing to do'],
  [EXIT.failed, 'the operation failed'],
  [EXIT.usage, 'the command was not understood, or a question needs a terminal'],
  [EXIT.partial, 'some of several things worked, some did not'],
  [EXIT.notAllowed, 'no key or token, or one that is not accepted'],
  [EXIT.notFound, 'there is nothing under that id'],
  [EXIT.conflict, 'the present state or a limit does not allow it'],
  [EXIT.unreachable, 'the daemon or a server behind it cannot be reached, or not in time'],
  [EXIT.degraded, 'it works, but something is wrong'],
  [EXIT.badConfig, 'the configuration is not valid'],
  [EXIT.interrupted, 'stopped by Ctrl-C (SIGINT)'],
  [EXIT.terminated, 'stopped by SIGTERM'],
];
