/** `fila doctor`: names what is in order and what is not, and for that what to do. */
import manifest from '../../../package.json' with { type: 'json' };
import type { CliContext } from '../../cli-context.ts';
import type { Tone } from '../../output/colour.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { printData } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import { tabbedLines } from '../../output/table.ts';
import { daemonFindings } from './daemon-checks.ts';
import { outcomeOf, skipped, type Finding } from './finding.ts';
import { folderFindings } from './folder-checks.ts';
import { deadLetterFindings, modelFindings, webhookFindings } from './operator-checks.ts';

const LOOKS: Record<Finding['status'], readonly [glyph: string, tone: Tone]> = {
  passed: ['✔', 'ok'],
  failed: ['✖', 'bad'],
  skipped: ['○', 'dim'],
};

export async function doctor(context: CliContext): Promise<ExitCode> {
  const checks = await findAll(context);
  const hasFailed = checks.some(({ status }) => status === 'failed');
  await printFindings(context, { status: hasFailed ? 'failed' : 'passed', checks });
  return hasFailed ? EXIT.failed : EXIT.ok;
}

async function findAll(context: CliContext): Promise<Finding[]> {
  const { url, dataDir, isLocal } = context.place();
  const { version } = manifest;
  const daemon = await outcomeOf('daemon', async () =>
    daemonFindings({ fila: await context.sdk('anyone'), url, version, now: context.now }),
  );
  // Only an answer has more than the one finding.
  const answers = daemon.length > 1;
  const remote = (name: string, check: () => Promise<readonly Finding[]>) =>
    answers ? outcomeOf(name, check) : [skipped(name, 'the daemon cannot be reached')];
  return [
    ...daemon,
    ...(await remote('models', async () =>
      modelFindings(await context.sdk('admin'), isLocal ? await modelsOfSettings(context) : []),
    )),
    ...(await remote('webhooks', async () => webhookFindings(await context.sdk('client')))),
    ...(await remote('dead letters', async () => deadLetterFindings(await context.sdk('admin')))),
    ...(isLocal
      ? await outcomeOf('data folder', () => folderFindings(dataDir))
      : [skipped('data folder', 'the daemon is on another machine')]),
  ];
}

async function modelsOfSettings(context: CliContext): Promise<string[]> {
  const { readSettings } = await import('../../read-settings.ts');
  const { settings } = await readSettings(context, {});
  return [settings.defaultModel, ...settings.preloadModels].filter((name) => name !== '');
}

interface Report {
  readonly status: 'passed' | 'failed';
  readonly checks: readonly Finding[];
}

async function printFindings({ out }: CliContext, report: Report): Promise<void> {
  if (await printData(out, report)) return;
  const { checks } = report;
  if (out.format === 'name') {
    for (const { name, status } of checks) if (status === 'failed') out.print(oneLine(name));
    return;
  }
  if (!out.isTty) {
    const cells = (pick: (one: Finding) => string | undefined) => ({
      header: '',
      cell: (one: Finding) => ({ exact: pick(one) ?? '' }),
    });
    const columns = [
      cells(({ status }) => status.toUpperCase()),
      cells(({ name }) => name),
      cells(({ detail }) => detail),
      cells(({ fix }) => fix),
      cells(({ command }) => command),
    ];
    for (const line of tabbedLines(columns, checks)) out.print(line);
    return;
  }
  const room = Math.max(...checks.map(({ name }) => name.length)) + 2;
  for (const { name, status, detail, fix, command } of checks) {
    const [glyph, tone] = LOOKS[status];
    const word = out.paint(tone, `${glyph} ${status.toUpperCase().padEnd(7)}`);
    out.print(`${word}  ${oneLine(name).padEnd(room)}${oneLine(detail)}`);
    if (fix) out.print(`             ${oneLine(fix)}  ${out.paint('strong', oneLine(command ?? ''))}`);
  }
}
