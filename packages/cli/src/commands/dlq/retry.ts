/** `fila dlq retry`: those named, one by one; or all that match, as an operation of the daemon. */
import type { DeadLetterFilter, DeadLetterPreview, Fila, Operation } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { printData } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import { followOperation } from '../operations/follow-operation.ts';
import { retryEach } from './retry-each.ts';
import { filterOf, type FilterFlags } from './dead-letter-filter.ts';

export interface RetryFlags extends FilterFlags {
  readonly all?: boolean;
  readonly reason?: string;
  readonly dryRun?: boolean;
  readonly rate?: number;
  readonly wait?: boolean;
}

const WAYS = [
  ['Name them', 'fila dlq retry req_…'],
  ['Or say which', 'fila dlq retry --error upstream_timeout --since 2h'],
  ['Or all of them', 'fila dlq retry --all --yes'],
] as const;

export async function retryDeadLetters(
  context: CliContext,
  ids: readonly string[],
  flags: RetryFlags,
): Promise<ExitCode> {
  const conditions = filterOf(flags, context.now());
  const hasConditions = Object.keys(conditions).length > 0;
  const { reason, rate } = flags;
  if (ids.length > 0) {
    if (hasConditions || flags.all || flags.dryRun || flags.wait || rate !== undefined)
      throw usageError('Either ids or conditions, not both', WAYS);
    return retryEach(context, ids, { reason });
  }
  if (flags.all === true && hasConditions) throw usageError('Either --all or conditions, not both', WAYS);
  if (!flags.all && !hasConditions) throw usageError('Nothing says which dead letters are meant', WAYS);
  const filter: DeadLetterFilter = flags.all ? { all: true } : conditions;
  const fila = await context.sdk('admin');
  if (flags.dryRun) return showMatches(context, await fila.deadLetters.retryMany({ filter, dry_run: true }));
  if (flags.all && !(await isSure(context, fila))) return EXIT.failed;
  const operation = await fila.deadLetters.retryMany({
    filter,
    ...(reason === undefined ? {} : { reason }),
    ...(rate === undefined ? {} : { rate }),
  });
  if (!flags.wait) return showBegun(context, operation);
  context.out.notice(`operation/${oneLine(operation.id)} begun`);
  return followOperation(context, operation.id);
}

async function isSure(context: CliContext, fila: Fila): Promise<boolean> {
  if (context.isSure) return true;
  if (!context.canAsk)
    throw usageError('--all means every dead letter and there is no terminal to ask on', [
      ['Say so in advance', 'fila dlq retry --all --yes'],
    ]);
  const matches = await fila.deadLetters.retryMany({ filter: { all: true }, dry_run: true });
  const answer = await context.ask(`Retry ${countText(matches)}? [y/N] `);
  if (/^y(es)?$/i.test(answer)) return true;
  context.out.notice('Nothing was retried.');
  return false;
}

async function showMatches({ out }: CliContext, matches: DeadLetterPreview): Promise<ExitCode> {
  if (await printData(out, matches)) return EXIT.ok;
  if (out.format !== 'name') out.print(`${countText(matches)} would be retried`);
  for (const id of matches.sample) out.print(out.format === 'name' ? oneLine(id) : `  ${oneLine(id)}`);
  const hidden = matches.matched - matches.sample.length;
  if (hidden > 0) out.notice(`and ${hidden} more`);
  return EXIT.ok;
}

function countText({ matched, is_complete }: DeadLetterPreview): string {
  return `${is_complete ? '' : 'at least '}${matched} ${matched === 1 ? 'dead letter' : 'dead letters'}`;
}

/** The id alone on stdout, for scripts. */
async function showBegun({ out }: CliContext, operation: Operation): Promise<ExitCode> {
  if (!(await printData(out, operation))) out.print(oneLine(operation.id));
  out.notice(`The daemon is at it. Look:  fila operations watch ${oneLine(operation.id)}`);
  return EXIT.ok;
}
