/** `fila webhooks …`: the verbs and their options; each loads its code when it is used. */
import { InvalidArgumentError, type Command } from 'commander';
import { oneOf, wholeNumber, withWatch } from '../../options.ts';
import type { Run } from '../../program.ts';

const EVENTS = [
  'request.completed',
  'request.failed',
  'request.cancelled',
  'request.expired',
  'endpoint.disabled',
] as const;
export type EventName = (typeof EVENTS)[number];

const ID = 'id of the webhook';
const IDS = 'ids of webhooks; - reads them from stdin';
const SECRET_NOTE =
  '\nOn stdout is the secret alone, everything else is on stderr; with -o json it is one object with it.';

export function addWebhooks(program: Command, run: Run): void {
  const webhooks = program
    .command('webhooks')
    .description('create, list, show, update, delete, test, …: who is told when requests end');

  addManagement(webhooks, run);
  addSecretsAndState(webhooks, run);
  addDeliveries(webhooks, run);
}

function addManagement(webhooks: Command, run: Run): void {
  webhooks
    .command('create')
    .description('register an endpoint; its secret is shown this once')
    .argument('<url>', 'where events are sent to')
    .option('--event <type>', `only ${EVENTS.join(', ')}; repeatable`, eventNames)
    .addHelpText('after', SECRET_NOTE)
    .action((url, options, command) =>
      run(command, async (context) => (await import('./create.ts')).createWebhook(context, url, options)),
    );
  webhooks
    .command('list')
    .description('list own webhooks, newest first')
    .option('--limit <n>', 'webhooks of one page', wholeNumber(1, 100), 50)
    .option('--cursor <cursor>', 'start where the page before ended')
    .option('--all', 'every page')
    .action((options, command) =>
      run(command, async (context) => (await import('./list.ts')).listWebhooks(context, options)),
    );
  webhooks
    .command('show')
    .description('show a webhook without its secret, or a delivery with its attempts')
    .argument('<id>', 'id of a webhook (whk_…) or of a delivery (dlv_…)')
    .action((id, _options, command) =>
      run(command, async (context) => (await import('./show.ts')).showWebhook(context, id)),
    );
  webhooks
    .command('update')
    .description('change where events are sent to, or which')
    .argument('<id>', ID)
    .option('--to <url>', 'another address')
    .option('--event <type>', `only ${EVENTS.join(', ')}; repeatable`, eventNames)
    .option('--all-events', 'every type of event')
    .action((id, options, command) =>
      run(command, async (context) => (await import('./update.ts')).updateWebhook(context, id, options)),
    );
  webhooks
    .command('delete')
    .description('delete webhooks (asks first; --yes says so in advance)')
    .argument('<id...>', IDS)
    .action((ids, _options, command) =>
      run(command, async (context) => (await import('./delete.ts')).deleteWebhooks(context, ids)),
    );
}

function addSecretsAndState(webhooks: Command, run: Run): void {
  webhooks
    .command('rotate')
    .description('make a new secret; the one before stays valid for a while')
    .argument('<id>', ID)
    .option('--overlap <duration>', 'how long: 0s, 12h, 7d at most', '24h')
    .addHelpText('after', SECRET_NOTE)
    .action((id, options, command) =>
      run(command, async (context) => (await import('./rotate.ts')).rotateWebhook(context, id, options)),
    );
  webhooks
    .command('enable')
    .description('send to disabled webhooks again')
    .argument('<id...>', IDS)
    .action((ids, _options, command) =>
      run(command, async (context) => (await import('./enable.ts')).enableWebhooks(context, ids)),
    );
}

function addDeliveries(webhooks: Command, run: Run): void {
  webhooks
    .command('test')
    .description('send a webhook.test event, signed like any other')
    .argument('<id>', ID)
    .action((id, _options, command) =>
      run(command, async (context) => (await import('./test.ts')).testWebhook(context, id)),
    );
  withWatch(
    webhooks
      .command('deliveries')
      .description('list what was delivered to webhooks and callback URLs, newest first'),
  )
    .option('--endpoint <id>', 'only to this webhook; callback: only to callback URLs')
    .option('--request <id>', 'only of this request')
    .option(
      '--status <status>',
      'only pending, delivered or failed ones',
      oneOf(['pending', 'delivered', 'failed']),
    )
    .option('--event <type>', `only of one type, such as ${EVENTS[0]}`)
    .option('--limit <n>', 'deliveries of one page', wholeNumber(1, 100), 50)
    .option('--cursor <cursor>', 'start where the page before ended')
    .option('--all', 'every page')
    .action((options, command) =>
      run(command, async (context) => (await import('./deliveries.ts')).listDeliveries(context, options)),
    );
  webhooks
    .command('redeliver')
    .description('deliver one message again, or all that a webhook did not take since a time')
    .argument('<id>', 'id of a delivery (dlv_…), or of a webhook (whk_…) with --since')
    .option('--since <when>', 'all that failed since: 1h, 2d, 2027-01-01 or 2027-01-01T14:00Z')
    .action((id, options, command) =>
      run(command, async (context) => (await import('./redeliver.ts')).redeliver(context, id, options)),
    );
}

/** Collects `--event a --event b`. */
function eventNames(text: string, before: readonly EventName[] = []): EventName[] {
  const name = EVENTS.find((one) => one === text);
  if (name === undefined) throw new InvalidArgumentError(`One of ${EVENTS.join(', ')}.`);
  return [...new Set([...before, name])];
}
