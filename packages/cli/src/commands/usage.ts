/** `fila usage`: requests, failures and tokens by the hour. */
import type { UsageHour } from '@fila/sdk';
import type { CliContext } from '../cli-context.ts';
import { listPrinter, printData } from '../output/formats.ts';
import type { Cell, Column } from '../output/table.ts';
import { momentOf } from './moment-of.ts';

export interface UsageFlags {
  readonly key?: string;
  readonly since: string;
}

const BAR_WIDTH = 12;
const PARTS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

export async function showUsage(context: CliContext, { key, since }: UsageFlags): Promise<void> {
  const { out } = context;
  const fila = await context.sdk('admin');
  const usage = await fila.usage.get({ key, since: momentOf('--since', since, context.now()) });
  if (out.format !== 'jsonl' && (await printData(out, usage))) return;
  const most = Math.max(1, ...usage.hours.map(({ requests }) => requests));
  const columns = usageColumns(most, out.isTty && out.format !== 'csv');
  const printer = listPrinter<UsageHour>(out, { columns, name: ({ hour }) => hour });
  printer.page(usage.hours);
  await printer.end(null);
  const { requests, failed, prompt_tokens, completion_tokens } = usage.total;
  out.notice(
    `${requests} requests, ${failed} failed, ${prompt_tokens} + ${completion_tokens} tokens of prompts and answers.`,
  );
}

/** The sparkline is for eyes: programs have the numbers. */
function usageColumns(most: number, hasSparkline: boolean): Column<UsageHour>[] {
  const count = (value: number, tone?: Cell['tone']): Cell => ({
    exact: String(value),
    ...(value === 0 ? { tone: 'dim' } : { tone }),
  });
  const sparkline: Column<UsageHour> = {
    header: 'TREND',
    cell: ({ requests }) => ({ exact: bar(requests / most), tone: 'busy' }),
  };
  return [
    { header: 'HOUR', cell: ({ hour }) => ({ exact: hour, shown: hour.slice(0, 16).replace('T', ' ') }) },
    { header: 'REQUESTS', cell: ({ requests }) => count(requests) },
    ...(hasSparkline ? [sparkline] : []),
    { header: 'COMPLETED', wide: true, cell: ({ completed }) => count(completed) },
    { header: 'FAILED', cell: ({ failed }) => count(failed, 'bad') },
    { header: 'CANCELLED', wide: true, cell: ({ cancelled }) => count(cancelled) },
    { header: 'EXPIRED', wide: true, cell: ({ expired }) => count(expired) },
    { header: 'PROMPT-TOKENS', cell: ({ prompt_tokens }) => count(prompt_tokens) },
    { header: 'ANSWER-TOKENS', cell: ({ completion_tokens }) => count(completion_tokens) },
  ];
}

/** `share` of the fullest hour, in eighths of a character; whatever is not nothing is seen. */
function bar(share: number): string {
  const eighths = share === 0 ? 0 : Math.max(1, Math.round(share * BAR_WIDTH * 8));
  return '█'.repeat(Math.floor(eighths / 8)) + PARTS[eighths % 8]!;
}
