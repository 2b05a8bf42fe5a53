import { describe, expect, it } from 'vitest';
import { endedRequest } from './testing/ended-request.ts';
import { messageIdOf, requestBody } from './webhook-events.ts';

describe('the id of a message', () => {
  it('depends on the event and the receiver, and on nothing else', () => {
    const id = messageIdOf('req_1', 'request.completed', 'callback');
    expect(id).toMatch(/^msg_[0-9a-hjkmnp-tv-z]{26}$/);
    expect(messageIdOf('req_1', 'request.completed', 'callback')).toBe(id);
    const others = [
      ['req_2', 'request.completed', 'callback'],
      ['req_1', 'request.failed', 'callback'],
      ['req_1', 'request.completed', 'whk_1'],
      ['req_1', 'request.completedcallback'],
    ].map((parts) => messageIdOf(...parts));
    expect(new Set([id, ...others]).size).toBe(5);
  });
});

describe('the body of an event', () => {
  it('is thin: metadata only when there is some, an error only as its code', () => {
    const request = endedRequest({ status: 'failed', errorCode: 'poison', completedAt: null });
    const text = requestBody('req_1', request, { type: 'request.failed', at: 1_800_000_000_000 }).toString();
    expect(JSON.parse(text)).toEqual({
      type: 'request.failed',
      timestamp: '2027-01-15T08:00:00.000Z',
      data: {
        ...{ id: 'req_1', status: 'failed', model: 'llama3:8b', attempts: 1, error: { code: 'poison' } },
        ...{ created_at: '2027-01-15T07:59:50.000Z', completed_at: null },
      },
    });
  });
});
