/** The receiver writes down what it took, knows a good signature, and fails as often as it should. */
import { afterEach, describe, expect, it } from 'vitest';
import { Webhook } from 'standardwebhooks';
import { seededChance } from './chance.ts';
import { recordHistory } from './history.ts';
import { startWebhookReceiver, type WebhookReceiver } from './webhook-receiver.ts';

const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const ID = `req_${'0'.repeat(26)}`;
const PAYLOAD = JSON.stringify({ type: 'request.completed', data: { id: ID } });

let receiver: WebhookReceiver | undefined;
afterEach(async () => receiver?.stop());

async function started() {
  const history = recordHistory();
  const chance = seededChance(3);
  receiver = await startWebhookReceiver({ history, secrets: ['whsec_AAAA', SECRET], chance });
  return { history, receiver };
}

/** The status, or why there was none. */
async function send(url: string, body = PAYLOAD): Promise<number | 'reset' | 'silence'> {
  const sentAt = new Date();
  const headers = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
    'webhook-signature': new Webhook(SECRET).sign('msg_1', sentAt, PAYLOAD),
  };
  try {
    const signal = AbortSignal.timeout(300);
    return (await fetch(url, { method: 'POST', headers, body, signal })).status;
  } catch (error) {
    return (error as Error).name === 'TimeoutError' ? 'silence' : 'reset';
  }
}

describe('the receiver of webhooks', () => {
  it('takes everything once it is healed and tells a true signature from a false one', async () => {
    const { history, receiver } = await started();
    receiver.heal();
    expect(await send(receiver.url)).toBe(204);
    expect(await send(receiver.url, PAYLOAD.replace('completed', 'failed'))).toBe(204);
    expect(history.events.map((event) => event.type === 'webhook' && event)).toMatchObject([
      { messageId: 'msg_1', requestId: ID, isSigned: true },
      { messageId: 'msg_1', requestId: ID, isSigned: false },
    ]);
  });

  it('errs, hangs and resets before, and writes down only what it took', async () => {
    const { history, receiver } = await started();
    const ends = await Promise.all(Array.from({ length: 40 }, () => send(receiver.url)));
    expect(new Set(ends)).toEqual(new Set([204, 500, 'reset', 'silence']));
    expect(history.events).toHaveLength(ends.filter((end) => end === 204).length);
  });
});
