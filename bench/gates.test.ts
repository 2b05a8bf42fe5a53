/** Verdicts on figures whose medians are known. */
import { describe, expect, it } from 'vitest';
import { createFigures } from './figures.ts';
import { GATES, judge, type Gate } from './gates.ts';

const times: Gate = {
  ...{ scenario: 'accept', title: 'a rate', metric: 'rate', system: 'fila shared' },
  ...{ against: 'peer', atLeast: 6 },
};
const plain: Gate = { scenario: 'slots', title: 'a gap', metric: 'gap', system: 'fila shared', atMost: 5 };

function figuresOf(values: Record<string, Record<string, number[]>>) {
  const figures = createFigures();
  for (const [metric, systems] of Object.entries(values))
    for (const [system, rounds] of Object.entries(systems))
      rounds.forEach((value, n) => figures.add({ metric, system, round: n + 1, value }));
  return figures;
}

describe('a gate', () => {
  it('divides the medians of the rounds', () => {
    const figures = figuresOf({ rate: { peer: [100, 900, 110], 'fila shared': [700, 10, 660] } });
    expect(judge(times, figures)).toMatchObject({ value: 660, other: 110, judged: 6, verdict: 'ok' });
  });

  it.each([
    [{ atLeast: 6 }, 5.99, 'MISSED'],
    [{ atLeast: 6 }, 6, 'ok'],
    [{ atMost: 5 }, 5, 'ok'],
    [{ atMost: 5 }, 5.01, 'MISSED'],
    [{ atLeast: 100, atMost: 100 }, 100, 'ok'],
    [{ atLeast: 100, atMost: 100 }, 101, 'MISSED'],
    [{ atLeast: 100, atMost: 100 }, 99, 'MISSED'],
  ])('of %j says of %d: %s', (bound, value, verdict) => {
    const { atMost: _, ...rest } = plain;
    const gate: Gate = { ...rest, ...bound };
    expect(judge(gate, figuresOf({ gap: { 'fila shared': [value] } })).verdict).toBe(verdict);
  });

  it('is not run without a figure on either side, and not built when somebody says why', () => {
    const figures = figuresOf({ rate: { 'fila shared': [700] } });
    expect(judge(times, figures).verdict).toBe('not run');
    expect(judge(plain, figures).verdict).toBe('not run');
    figures.explain('gap', 'there are no slots');
    expect(judge(plain, figures)).toMatchObject({ verdict: 'not built', why: 'there are no slots' });
  });

  it('has a bound, and no other gate judges the same', () => {
    for (const { atLeast, atMost } of GATES) expect(atLeast ?? atMost).toBeTypeOf('number');
    const judged = GATES.map(({ metric, system }) => `${metric} of ${system}`);
    expect(new Set(judged).size).toBe(judged.length);
  });
});
