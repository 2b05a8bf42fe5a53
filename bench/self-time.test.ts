/** A profile of six samples, summed by hand. */
import { expect, it } from 'vitest';
import { selfTimeByPackage } from './self-time.ts';

const frame = (id: number, functionName: string, url: string) => ({ id, callFrame: { functionName, url } });
const profile = {
  nodes: [
    frame(1, '(idle)', ''),
    frame(2, 'parse', 'file:///x/node_modules/mysql2/lib/packet.js'),
    frame(3, 'find', 'file:///x/node_modules/a/node_modules/@scope/b/index.js'),
    frame(4, 'write', 'node:net'),
    frame(5, 'decide', 'file:///x/packages/broker/dist/index.js'),
    frame(6, '(garbage collector)', ''),
    frame(7, 'writev', ''),
  ],
  startTime: 1_000,
  samples: [2, 1, 2, 3, 4, 5, 6, 7],
  timeDeltas: [100, 900, 30, 20, 10, 20, 10, 10],
};

it('names packages, scoped and nested ones too, and leaves idle time and what is outside the marks out', () => {
  const shares = selfTimeByPackage(profile, 1_900, 9_999);
  expect(Object.fromEntries(shares)).toEqual({
    mysql2: 0.3,
    '@scope/b': 0.2,
    node: 0.2,
    fila: 0.2,
    '(garbage collector)': 0.1,
  });
  expect(selfTimeByPackage(profile, 1_000, 1_100).get('mysql2')).toBe(1);
});
