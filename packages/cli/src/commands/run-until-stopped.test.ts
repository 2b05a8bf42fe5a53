import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { runUntilStopped } from './run-until-stopped.ts';

/** A run whose every step is written down. */
function scene() {
  const steps: string[] = [];
  const signals = new EventEmitter();
  const started = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<void>();
  const done = runUntilStopped(
    { signals, exit: (code) => steps.push(`exit ${code}`) },
    {
      start: async () => {
        await started.promise;
        return {
          stop: async () => {
            steps.push('stop');
            await stopped.promise;
          },
        };
      },
      onStarted: () => {
        steps.push('started');
        ready.resolve();
      },
      onStopping: () => steps.push('stopping'),
    },
  );
  return { steps, signals, started, stopped, ready, done };
}

describe('runUntilStopped', () => {
  it.each(['SIGINT', 'SIGTERM'])('runs until %s, then stops and returns', async (signal) => {
    const { steps, signals, started, stopped, ready, done } = scene();
    started.resolve();
    await ready.promise;
    signals.emit(signal);
    stopped.resolve();
    await done;
    expect(steps).toEqual(['started', 'stopping', 'stop']);
    expect(signals.eventNames()).toEqual([]);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('a second signal, %s, ends the process at once with %i', async (signal, code) => {
    const { steps, signals, started, stopped, ready, done } = scene();
    started.resolve();
    await ready.promise;
    signals.emit('SIGTERM');
    signals.emit(signal);
    expect(steps).toEqual(['started', 'stopping', `exit ${code}`]);
    stopped.resolve();
    await done;
  });

  it('a signal during the start stops what has started, without a word of being ready', async () => {
    const { steps, signals, started, stopped, done } = scene();
    signals.emit('SIGTERM');
    started.resolve();
    stopped.resolve();
    await done;
    expect(steps).toEqual(['stopping', 'stop']);
  });

  it('a start that fails is passed on, and the signals are let go', async () => {
    const { signals, started, done } = scene();
    started.reject(new Error('port in use'));
    await expect(done).rejects.toThrow('port in use');
    expect(signals.eventNames()).toEqual([]);
  });
});
