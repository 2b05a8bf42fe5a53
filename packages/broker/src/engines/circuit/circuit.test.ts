import { afterEach, describe, expect, it, vi } from 'vitest';
import { silentLogger, type Logger } from '../../kernel/logger.ts';
import { createCircuit } from './circuit.ts';

/** An engine that does what the test says, and a circuit that asks it often. */
function scene(askEveryMs = 10) {
  const lines: string[] = [];
  const say = (_fields: object, message: string): void => void lines.push(message);
  const logger: Logger = { ...silentLogger, debug: say, info: say, warn: say, error: say };
  const engine = { answer: (): Promise<void> => Promise.resolve(), asked: 0, nowMs: 1_000 };
  const ask = (): Promise<void> => {
    engine.asked += 1;
    return engine.answer();
  };
  const circuit = createCircuit({
    ...{ name: 'database', probe: ask, recover: ask, logger, askEveryMs, probeTimeoutMs: 30 },
    explain: (error) => (error as Error).message,
    clock: { now: () => engine.nowMs },
  });
  opened.push(circuit);
  const fail = (message: string) => (): Promise<void> => Promise.reject(new Error(message));
  const isUp = (up: boolean) =>
    vi.waitFor(() => expect(circuit.isUp).toBe(up), { timeout: 2_000, interval: 2 });
  return { circuit, engine, lines, fail, isUp };
}

const opened: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const circuit of opened.splice(0)) await circuit.stop();
});

describe('a circuit', () => {
  it('is open until the engine has answered once, which start waits for and the log passes over', async () => {
    const { circuit, lines } = scene();
    expect(circuit.state()).toEqual({
      name: 'database',
      isUp: false,
      since: 1_000,
      why: 'It has not answered yet.',
    });
    await circuit.start();
    expect(circuit.isUp).toBe(true);
    expect(lines).toEqual([]);
  });

  it('starts with an engine that is away, and closes by itself when it is there', async () => {
    const { circuit, engine, lines, fail, isUp } = scene();
    engine.answer = fail('gone');
    await circuit.start();
    expect(circuit.state()).toMatchObject({ isUp: false, since: 1_000, why: 'gone' });
    engine.answer = () => Promise.resolve();
    engine.nowMs = 5_000;
    await isUp(true);
    expect(circuit.state()).toEqual({ name: 'database', isUp: true, since: 5_000, why: null });
    expect(lines).toEqual(['the database is away', 'the database is back']);
  });

  it('opens when a probe fails or takes too long', async () => {
    const { circuit, engine, fail, isUp } = scene();
    await circuit.start();
    engine.answer = fail('broken');
    await isUp(false);
    engine.answer = () => Promise.resolve();
    await isUp(true);
    engine.answer = () => new Promise(() => {});
    await isUp(false);
    expect(circuit.state().why).toBe('no answer in time');
    engine.answer = () => Promise.resolve();
  });

  it('opens at once when somebody saw the engine fail, and asks without waiting for the next tick', async () => {
    const { circuit, engine, isUp } = scene(60_000);
    await circuit.start();
    const { asked } = engine;
    circuit.open(new Error('one connection'));
    expect(circuit.isUp).toBe(false);
    await isUp(true);
    expect(engine.asked - asked).toBeLessThanOrEqual(2);
  });

  it('says each reason of an outage once, however long it lasts, and knows when it began', async () => {
    const { circuit, engine, lines, fail } = scene();
    await circuit.start();
    engine.nowMs = 2_000;
    engine.answer = fail('refused');
    await vi.waitFor(() => expect(circuit.state().why).toBe('refused'));
    engine.nowMs = 3_000;
    engine.answer = fail('no such database');
    await vi.waitFor(() => expect(circuit.state().why).toBe('no such database'));
    engine.answer = fail('refused');
    const { asked } = engine;
    await vi.waitFor(() => expect(engine.asked - asked).toBeGreaterThan(5));
    expect(lines).toEqual(['the database is away', 'the database is away']);
    expect(circuit.state().since).toBe(2_000);
  });

  it('asks no more after it was stopped', async () => {
    const { circuit, engine, fail } = scene();
    engine.answer = fail('gone');
    await circuit.start();
    await circuit.stop();
    await circuit.stop();
    const { asked } = engine;
    circuit.suspect();
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(engine.asked).toBe(asked);
  });
});
