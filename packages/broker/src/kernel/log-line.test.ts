import { expect, it } from 'vitest';
import { SEVERITIES, severityOf } from './log-line.ts';

it('knows the level of a line by its first characters', () => {
  for (const level of SEVERITIES) expect(severityOf(JSON.stringify({ level, msg: 'emergency' }))).toBe(level);
  for (const line of ['{"level":"debug"}', '{"level":"else"}', '', 'nothing'])
    expect(severityOf(line)).toBe('info');
});
