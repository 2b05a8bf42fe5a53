/** `fila limits explain`: the chain of limits, and the one that decides. */
import type { AppliedLimit, ExplainLimitsQuery } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { listPrinter, printData } from '../../output/formats.ts';
import type { Column } from '../../output/table.ts';
import { shortDuration } from '../../output/units.ts';

export async function explainLimits(context: CliContext, query: ExplainLimitsQuery): Promise<void> {
  const { out } = context;
  const fila = await context.sdk('admin');
  const explanation = await fila.limits.explain(query);
  if (await printData(out, explanation)) return;
  const { limits, allowed, decided_by, retry_after, plan, brokers, admission } = explanation;
  const printer = listPrinter(out, { columns: columns(decided_by), name: ({ name }) => name });
  printer.page(limits);
  await printer.end(null);
  const planned = plan === null ? 'no plan' : `plan ${plan}`;
  const shared = brokers > 1 ? `, shared by ${brokers} brokers` : '';
  out.notice(
    allowed
      ? `A call would pass now (${planned}${shared}).${decided_by === null ? ' Nothing limits it.' : ''}`
      : `A call would be refused by ${decided_by}; after ${retry_after} s it passes (${planned}${shared}).`,
  );
  if (admission < 1)
    out.notice(`Requests wait too long: ${Math.round(admission * 100)} % of all are accepted now.`);
}

function columns(decidedBy: string | null): Column<AppliedLimit>[] {
  const seconds = (count: number): string => shortDuration(count * 1000);
  return [
    {
      header: 'LIMIT',
      cell: ({ name, refuses }) => ({
        exact: name,
        shown: `${name === decidedBy ? '▶' : ' '} ${name}`,
        ...(refuses ? { tone: 'bad' as const } : name === decidedBy ? { tone: 'strong' as const } : {}),
      }),
    },
    { header: 'SCOPE', cell: ({ scope }) => ({ exact: scope }) },
    { header: 'FROM', cell: ({ source }) => ({ exact: source }) },
    { header: 'ALLOWS', cell: ({ limit }) => ({ exact: String(limit) }) },
    {
      header: 'WITHIN',
      cell: ({ window_seconds: window }) =>
        window === null
          ? { exact: '', shown: 'at once', tone: 'dim' }
          : { exact: String(window), shown: seconds(window) },
    },
    { header: 'USED', cell: ({ used }) => ({ exact: String(used) }) },
    { header: 'LEFT', cell: ({ left }) => ({ exact: String(left) }) },
    {
      header: 'RESET',
      cell: ({ reset_after: reset }) => ({
        exact: String(reset),
        shown: reset === 0 ? '-' : `in ${seconds(reset)}`,
      }),
    },
  ];
}
