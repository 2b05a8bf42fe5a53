/** The nemesis plans the same for the same seed, hits everything there is, and never one thing with two hands. */
import { describe, expect, it } from 'vitest';
import { planNemesis, type Step } from './nemesis.ts';
import type { Action, Shape } from './action.ts';
import { ACTIONS } from './nemesis-actions.ts';

const SHARED: Shape = {
  brokers: ['broker1', 'broker2', 'broker3'],
  ollamas: ['ollama1', 'ollama2'],
  links: ['client-broker1', 'broker1-redis', 'broker1-mariadb', 'broker1-ollama1'],
  isShared: true,
};
const EMBEDDED: Shape = {
  brokers: ['broker1'],
  ollamas: ['ollama1'],
  links: ['client-broker1'],
  isShared: false,
};
const MINUTE = 60_000;
const end = ({ atMs, holdMs }: Step): number => atMs + holdMs;

describe('a plan', () => {
  it('is the same for the same seed and another for another', () => {
    const plan = (seed: number) => planNemesis({ seed, durationMs: MINUTE, shape: SHARED });
    expect(plan(5)).toEqual(plan(5));
    expect(plan(5)).not.toEqual(plan(6));
  });

  it('uses every action and every target in the long run', () => {
    const steps = planNemesis({ seed: 1, durationMs: 30 * MINUTE, shape: SHARED });
    const drawn = Object.entries<Action>(ACTIONS).flatMap(([name, one]) => (one.isNamedOnly ? [] : [name]));
    expect(new Set(steps.map(({ action }) => action))).toEqual(new Set(drawn));
    const targets = [...SHARED.brokers, ...SHARED.ollamas, ...SHARED.links, 'brokers', 'redis', 'mariadb'];
    expect(new Set(steps.map(({ target }) => target))).toEqual(new Set(targets));
  });

  it('heals everything within its time and in no way hits one thing twice at once', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const steps = planNemesis({ seed, durationMs: MINUTE, shape: SHARED });
      expect(steps.length).toBeGreaterThan(15);
      expect(Math.max(...steps.map(end))).toBeLessThanOrEqual(MINUTE);
      for (const [index, one] of steps.entries())
        for (const other of steps.slice(index + 1)) {
          const isSame = one.target === other.target;
          if (isSame) expect(other.atMs, `${seed}: ${one.target}`).toBeGreaterThan(end(one));
        }
    }
  });

  it('lets faults of different things overlap', () => {
    const steps = planNemesis({ seed: 2, durationMs: MINUTE, shape: SHARED });
    expect(steps.some((one, index) => steps[index + 1] && steps[index + 1]!.atMs < end(one))).toBe(true);
  });

  it('touches no engine that is not there, and only what it is allowed to', () => {
    const all = planNemesis({ seed: 3, durationMs: 5 * MINUTE, shape: EMBEDDED });
    expect(all.filter(({ action }) => /redis|mariadb/.test(action))).toEqual([]);
    const kills = planNemesis({ seed: 3, durationMs: MINUTE, shape: SHARED, actions: ['broker.kill'] });
    expect(new Set(kills.map(({ action }) => action))).toEqual(new Set(['broker.kill']));
  });
});
