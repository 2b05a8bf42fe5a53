/** `fila upstreams …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import { oneOf, wholeNumber, wordOr, withWatch } from '../../options.ts';
import type { Run } from '../../program.ts';

const ID = 'host:port of the upstream';
const IDS = 'host:port of upstreams; - reads them from stdin';
const slots = wordOr('auto', wholeNumber(1, 256));

const SWITCHES = [
  ['enable', 'choose upstreams again'],
  ['disable', 'choose upstreams no more; what only they could answer waits'],
  ['drain', 'let running calls end and start none'],
  ['undrain', 'start calls again'],
] as const;

export function addUpstreams(program: Command, run: Run): void {
  const upstreams = program
    .command('upstreams')
    .description('list, add, show, set, remove, enable, disable, drain, undrain, breaker: Ollama servers');

  withWatch(
    upstreams.command('list').description('list upstreams and how they are, those of the settings first'),
  ).action((_options, command) =>
    run(command, async (context) => (await import('./list.ts')).listUpstreams(context)),
  );
  upstreams
    .command('add')
    .description('add an Ollama server, for all daemons on the same database')
    .argument('<url>', 'http://host:port, without user or path')
    .option(
      '--slots <n|auto>',
      'calls of one model that run there at once, as its OLLAMA_NUM_PARALLEL says; auto: as many as it turns out to carry',
      slots,
      'auto',
    )
    .action((url, options, command) =>
      run(command, async (context) => (await import('./add.ts')).addUpstream(context, url, options)),
    );
  upstreams
    .command('show')
    .description('show one upstream, with its models and their circuit breakers')
    .argument('<id>', ID)
    .action((id, _options, command) =>
      run(command, async (context) => (await import('./show.ts')).showUpstream(context, id)),
    );
  upstreams
    .command('set')
    .description('change an upstream that was added')
    .argument('<id>', ID)
    .requiredOption('--slots <n|auto>', 'calls of one model that run there at once, or auto', slots)
    .action((id, options, command) =>
      run(command, async (context) => (await import('./set.ts')).setUpstream(context, id, options)),
    );
  upstreams
    .command('remove')
    .description('remove upstreams that were added; their calls end (asks first; --yes says so in advance)')
    .argument('<id...>', IDS)
    .action((ids, _options, command) =>
      run(command, async (context) => (await import('./remove.ts')).removeUpstreams(context, ids)),
    );
  addSwitches(upstreams, run);
}

function addSwitches(upstreams: Command, run: Run): void {
  for (const [verb, description] of SWITCHES)
    upstreams
      .command(verb)
      .description(description)
      .argument('<id...>', IDS)
      .action((ids, _options, command) =>
        run(command, async (context) => (await import('./switch.ts')).switchUpstreams(context, ids, verb)),
      );
  upstreams
    .command('breaker')
    .description('force the circuit breakers of an upstream, or leave them to themselves')
    .argument('<id>', ID)
    .argument('<state>', 'open, closed or auto', oneOf(['open', 'closed', 'auto']))
    .action((id, state, _options, command) =>
      run(command, async (context) => (await import('./breaker.ts')).setBreaker(context, id, state)),
    );
}
