/** What becomes of webhooks when something of ours breaks on their way, or is done twice. */
import { afterEach, expect, it } from 'vitest';
import { armFailpoints } from '../../kernel/failpoints.ts';
import { startReceiver } from './testing/receiver.ts';
import { describeWithWebhooks, until } from './testing/webhook-bench.ts';

interface Row {
  readonly state: string;
  readonly attempts: number;
  readonly next_at: number | null;
  readonly lease_owner: string | null;
}

afterEach(() => armFailpoints(''));

describeWithWebhooks('webhooks on a broken way', (bench) => {
  it.each([
    { failpoint: 'webhook.before_fan_out:error@1', times: 1 },
    { failpoint: 'webhook.before_fan_out:duplicate', times: 1 },
    { failpoint: 'webhook.before_send:duplicate@1', times: 2 },
    { failpoint: 'webhook.before_mark:error@1', times: 1 },
    { failpoint: 'webhook.before_mark:duplicate', times: 1 },
  ])('arrive and are marked once with $failpoint', async ({ failpoint, times }) => {
    const receiver = await startReceiver();
    receiver.secrets.push(bench().keySecret);
    armFailpoints(failpoint);
    const room = await bench().room();
    await bench().event({ callbackUrl: receiver.url });
    room.wake();
    await until(async () => (await bench().rows<Row>('webhook_deliveries'))[0]?.state === 'delivered');
    expect(await bench().rows('webhook_deliveries')).toMatchObject([{ attempts: 1 }]);
    expect(receiver.heard).toHaveLength(times);
    expect(new Set(receiver.heard.map(({ id }) => id)).size).toBe(1);
  });

  it.each(['webhook.claim', 'webhook.before_send', 'webhook.after_send'])(
    'are handed back when it breaks at %s: due again in seconds rather than after the lease, and not counted',
    async (place) => {
      const receiver = await startReceiver();
      receiver.secrets.push(bench().keySecret);
      armFailpoints(`${place}:error@1`);
      const room = await bench().room();
      await bench().event({ callbackUrl: receiver.url });
      room.wake();
      const owned = async () => (await bench().rows<Row>('webhook_deliveries'))[0]!;
      await until(async () => (await bench().rows('webhook_deliveries')).length === 1);
      await until(
        async () => Number((await owned()).next_at) > Date.now() && (await owned()).lease_owner === null,
      );
      const { attempts, next_at: nextAt } = await owned();
      expect(attempts).toBe(0);
      expect(Number(nextAt) - Date.now()).toBeLessThan(6_000);
    },
  );
});
