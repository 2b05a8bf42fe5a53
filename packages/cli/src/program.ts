/** The tree of commands: names, options and help. Nothing here does anything; verbs load their code when used. */
import { Command } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import type { CliContext, GlobalOptions, Host } from './cli-context.ts';
import { addMe } from './commands/me/me.ts';
import { addAudit } from './commands/audit/audit.ts';
import { addBatches } from './commands/batches/batches.ts';
import { addCompletion } from './commands/completion/completion.ts';
import { addConfig } from './commands/config/config.ts';
import { addContext } from './commands/context/context.ts';
import { addDlq } from './commands/dlq/dlq.ts';
import { addEvents } from './commands/events/events.ts';
import { addKeys } from './commands/keys/keys.ts';
import { addLimits } from './commands/limits/limits.ts';
import { addLogs } from './commands/logs/logs.ts';
import { addModels } from './commands/models/models.ts';
import { addOperations } from './commands/operations/operations.ts';
import { addPlans } from './commands/plans/plans.ts';
import { addServiceTokens } from './commands/service-tokens/service-tokens.ts';
import { addSessions } from './commands/sessions/sessions.ts';
import { addSettings } from './commands/settings/settings.ts';
import { addUsers } from './commands/users/users.ts';
import { addQueues } from './commands/queues/queues.ts';
import { addWebhooks } from './commands/webhooks/webhooks.ts';
import { addUpstreams } from './commands/upstreams/upstreams.ts';
import { addRequests } from './commands/requests/requests.ts';
import { FORMATS, interval, numberFrom, oneOf, wholeNumber } from './options.ts';
import type { ExitCode } from './output/exit-codes.ts';

const WATCH_EVERY_MS = 2_000;
const VIEWS = ['overview', 'requests', 'dead', 'keys', 'upstreams', 'webhooks', 'events'] as const;

/** Runs a verb with its context; what the verb returns is the exit code, nothing is 0. */
export type Run = (
  command: Command,
  verb: (context: CliContext) => Promise<ExitCode | void>,
) => Promise<void>;

/** `isOutline`: the first words alone, as `fila --help` shows them; making all verbs takes longer than starting Node. */
export function buildProgram(
  host: Host,
  onExit: (code: ExitCode) => void,
  { isOutline = false } = {},
): Command {
  const run: Run = async (command, verb) => {
    const options = command.optsWithGlobals<GlobalOptions>();
    const { watch } = command.opts<{ watch?: number | true }>();
    if (watch !== undefined) {
      const { watchVerb } = await import('./watch-verb.ts');
      const everyMs = watch === true ? WATCH_EVERY_MS : watch;
      return onExit(await watchVerb({ everyMs, host, options }, verb));
    }
    const { createContext } = await import('./cli-context.ts');
    onExit((await verb(createContext(host, options))) ?? 0);
  };
  const program = new Command('fila')
    .description('Fila: a durable, fair, private queue in front of local Ollama servers.')
    .usage('<command> [options]')
    .version(manifest.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: (text) => host.stderr.write(text),
      getOutHelpWidth: () => host.stdout.columns ?? 100,
      getErrHelpWidth: () => host.stderr.columns ?? 100,
      // Said by whoever catches the error, in the form that all errors have.
      outputError: () => undefined,
    })
    .addHelpText(
      'after',
      '\nFirst steps:  fila dev, then in another terminal  fila requests send "Say hello" --wait\n' +
        'More help:    fila <command> --help, fila help exit-codes, fila help output, fila help environment',
    );
  addGlobalOptions(program);
  if (isOutline) leaveOutVerbs(program);
  program.commandsGroup('Run:');
  addDaemon(program, run);
  program.commandsGroup('Use:');
  addRequests(program, run);
  addBatches(program, run);
  addWebhooks(program, run);
  addKeys(program, run);
  addPlans(program, run);
  addLimits(program, run);
  addQueues(program, run);
  addSettings(program, run);
  addUpstreams(program, run);
  addModels(program, run);
  program.commandsGroup('People:');
  addMe(program, run);
  addUsers(program, run);
  addSessions(program, run);
  addServiceTokens(program, run);
  addContext(program, run);
  program.commandsGroup('Repair:');
  addDlq(program, run);
  addOperations(program, run);
  program.commandsGroup('Look:');
  addAudit(program, run);
  addLogs(program, run);
  addWatch(program, run);
  addEvents(program, run);
  addConfig(program, run);
  addCompletion(program, run);
  addMeta(program, run, host);
  return program;
}

/** What a noun is given after its description goes nowhere. */
function leaveOutVerbs(program: Command): void {
  const nowhere: Command = new Proxy({} as Command, { get: () => () => nowhere });
  const add = program.command.bind(program) as (name: string) => Command;
  program.command = ((name: string) => {
    const noun = add(name);
    noun.command = (() => nowhere) as unknown as Command['command'];
    return noun;
  }) as Command['command'];
}

function addGlobalOptions(program: Command): void {
  program
    .optionsGroup('Output:')
    .option('-o, --output <format>', FORMATS.join(', '), oneOf(FORMATS))
    .option('--json', 'the same as -o json')
    .option('--no-color', 'no colours')
    .option('-q, --quiet', 'data and errors only')
    .optionsGroup('Questions:')
    .option('-y, --yes', 'answer yes in advance')
    .option('--no-input', 'never ask')
    .optionsGroup('Connection:')
    .option('--why <text>', 'why you do this, for the audit trail')
    .option('--url <url>', 'where the daemon is (FILA_URL)')
    .option('--context <name>', 'the broker of this name: see fila context (FILA_CONTEXT)')
    .option('--token-file <file>', 'file with the admin or a service token (or FILA_TOKEN)')
    .option('--api-key-file <file>', 'file with an API key (or FILA_API_KEY)')
    .optionsGroup('Options:');
}

function addDaemon(program: Command, run: Run): void {
  const daemon = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .option('--port <port>', 'port of the API; 0 takes any free one (FILA_PORT)')
      .option('--host <address>', 'address it listens on (FILA_HOST)')
      .option('--data-dir <dir>', 'folder of its data (FILA_DATA_DIR)')
      .option('--config <file>', 'another file than ./fila.config.json');
  daemon('dev', 'try it: a daemon, a key, and a simulated Ollama if none answers').action(
    (options, command) =>
      run(command, async (context) => (await import('./commands/dev.ts')).dev(context, options)),
  );
  daemon('serve', 'run the daemon in the foreground').action((options, command) =>
    run(command, async (context) => (await import('./commands/serve.ts')).serve(context, options)),
  );
  program
    .command('migrate')
    .description("bring the database's tables up to date")
    .option('-n, --dry-run', 'only say what would be done')
    .option('--data-dir <dir>', 'folder of the data (FILA_DATA_DIR)')
    .option('--config <file>', 'another file than ./fila.config.json')
    .action((options, command) =>
      run(command, async (context) =>
        (await import('./commands/migrate.ts')).migrateDatabase(context, options),
      ),
    );
  program
    .command('simulate-ollama')
    .description('a server that speaks like Ollama and makes its answers up')
    .option('--port <port>', 'port; 0 takes any free one', wholeNumber(0, 65_535), 11_434)
    .option('--host <address>', 'address it listens on', '127.0.0.1')
    .option('--slots <n>', 'calls of one model that run at once', wholeNumber(1, 1024))
    .option('--tokens-per-second <n>', 'speed of one answer', numberFrom(0.1, 1_000_000))
    .option('--first-token-ms <ms>', 'time to the first token', wholeNumber(0, 3_600_000))
    .option('--load-ms <ms>', 'time to load a model', wholeNumber(0, 3_600_000))
    .option('--max-loaded-models <n>', 'models that are loaded at once', wholeNumber(1, 1024))
    .option('--models <names>', 'its models, separated by commas', (text) => text.split(',').filter(Boolean))
    .action((options, command) =>
      run(command, async (context) =>
        (await import('./commands/simulate-ollama.ts')).simulateOllama(context, options),
      ),
    );
  program
    .command('simulate-faults')
    .description('a bad network before a broker, for tests of clients')
    .option('--port <port>', 'port; 0 takes any free one', wholeNumber(0, 65_535), 7_434)
    .option('--host <address>', 'address it listens on', '127.0.0.1')
    .option('--target <url>', 'the broker behind it', 'http://127.0.0.1:7433')
    .action((options, command) =>
      run(command, async (context) =>
        (await import('./commands/simulate-faults.ts')).simulateFaults(context, options),
      ),
    );
}

function addWatch(program: Command, run: Run): void {
  program
    .command('top')
    .description('the live screen: backlog, flow, lanes, requests, dead letters, keys, upstreams, webhooks')
    .option('--view <view>', VIEWS.join(', '), oneOf(VIEWS), 'overview')
    .option('--interval <time>', 'time between two pictures, such as 500ms or 2s', interval, 1_000)
    .option('--busiest <n>', 'how many lanes and keys are shown', wholeNumber(1, 1_000), 100)
    .option('--readonly', 'nothing can be changed from here')
    .option('--ascii', 'plain letters only')
    .option('--lang <language>', 'en or pt-BR; otherwise by FILA_LANG and LANG', oneOf(['en', 'pt-BR']))
    .action((_options, command: Command) =>
      run(command, async (context) =>
        (await import('./commands/top.ts')).runTop(context, command.optsWithGlobals(), manifest.version),
      ),
    );
  program
    .command('stats')
    .description('one line of figures every two seconds')
    .option('--interval <time>', 'time between two lines, such as 500ms or 2s', interval, 2_000)
    .option('--count <n>', 'end after so many', wholeNumber(1, 1_000_000_000))
    .action((options, command) =>
      run(command, async (context) => (await import('./commands/stats.ts')).showStats(context, options)),
    );
}

function addMeta(program: Command, run: Run, host: Host): void {
  program
    .command('usage')
    .description('count requests, tokens and failures by the hour (UTC)')
    .option('--key <id>', 'only of one key')
    .option('--since <when>', '24h, 7d, 2027-01-01 or 2027-01-01T14:00Z; 31 days at most', '24h')
    .action((options, command) =>
      run(command, async (context) => (await import('./commands/usage.ts')).showUsage(context, options)),
    );
  program
    .command('doctor')
    .description('look whether the daemon and what it needs are well; ends with 1 when something is not')
    .addHelpText(
      'after',
      '\nWithout the admin token or an API key the checks that need one are skipped. -o json is for scripts.',
    )
    .action((_options, command) =>
      run(command, async (context) => (await import('./commands/doctor/doctor.ts')).doctor(context)),
    );
  program
    .command('verify')
    .description('look whether everything that is stored fits together; ends with 8 when it does not')
    .option('--fix', 'mend what can be mended without a person')
    .action((options, command) =>
      run(command, async (context) => (await import('./commands/verify.ts')).verify(context, options)),
    );
  program
    .command('open-api')
    .description('print the contract of this version: OpenAPI 3.1 as JSON, or with -o yaml')
    .action((_options, command) =>
      run(command, async (context) => (await import('./commands/open-api.ts')).showOpenApi(context)),
    );
  program
    .command('version')
    .description('print the version')
    .action((_options, command) =>
      run(command, async (context) =>
        (await import('./commands/version.ts')).showVersion(context, manifest.version),
      ),
    );
  program
    .command('help')
    .description('help for a command or a topic: exit-codes, output, environment')
    .argument('[words...]', 'a command or a topic')
    .action(async (words: string[]) => {
      const { topicText, TOPIC_NAMES } = await import('./commands/help-topics.ts');
      const text = words.length === 1 ? topicText(words[0]!) : undefined;
      if (text !== undefined) return void host.stdout.write(`${text}\n`);
      const found = commandOf(program, words);
      if (found) return found.outputHelp();
      const { usageError } = await import('./output/error-text.ts');
      throw usageError(`There is no command or topic "${words.join(' ')}"`, [
        ['Commands', 'fila --help'],
        ['Topics', TOPIC_NAMES.map((topic) => `fila help ${topic}`).join(', ')],
      ]);
    });
}

function commandOf(program: Command, words: readonly string[]): Command | undefined {
  let found: Command | undefined = program;
  for (const word of words) found = found?.commands.find((command) => command.name() === word);
  return found;
}
