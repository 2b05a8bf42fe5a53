import { describe, expect, it } from 'vitest';
import { newView } from './request-view.ts';

const known = { id: 'req_1', priority: 5, createdAt: 0, runAt: null, deadlineAt: null, retryOf: null };
const beside = { lane: { model: 'm:latest', queue: 'default' }, metadata: { a: 1 } };

describe('a request that was just accepted', () => {
  it('is told with all of its fields, in the order of the contract', () => {
    const view = newView(known, beside);
    expect(JSON.stringify(view)).toBe(
      '{"id":"req_1","status":"pending","model":"m:latest","queue":"default","degraded":false,"priority":5,' +
        '"result":null,"error":null,"usage":null,"metadata":{"a":1},"attempts":0,"processing_time":null,' +
        '"created_at":"1970-01-01T00:00:00.000Z","started_at":null,"completed_at":null,"run_at":null,' +
        '"deadline":null,"retry_of":null,"retried_as":null}',
    );
  });

  it('says its own times, whatever was said before', () => {
    for (const at of [0, 1, 1, 0, 1_893_456_000_123, 1]) {
      const view = newView({ ...known, createdAt: at, runAt: at + 1, deadlineAt: at + 2 }, beside);
      expect([view.created_at, view.run_at, view.deadline]).toEqual(
        [at, at + 1, at + 2].map((ms) => new Date(ms).toISOString()),
      );
    }
  });
});
