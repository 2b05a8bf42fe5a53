/** How a dead letter looks to people: columns of a list, fields of one, and the attempts it had. */
import type { DeadLetter, DeadLetterDetails } from '@fila/sdk';
import type { View } from '../../output/formats.ts';
import { timeCell, type Cell, type Column } from '../../output/table.ts';

export function deadLetterColumns(nowMs: number): Column<DeadLetter>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'ID', cell: (dead) => ({ exact: dead.id }) },
    { header: 'ERROR', cell: (dead) => ({ exact: dead.error.code, tone: 'bad' }) },
    { header: 'MODEL', yields: true, cell: (dead) => ({ exact: dead.model }) },
    { header: 'MESSAGE', yields: true, cell: (dead) => ({ exact: dead.error.message }) },
    { header: 'TRIES', wide: true, cell: (dead) => ({ exact: String(dead.attempts) }) },
    { header: 'KEY', wide: true, cell: (dead) => ({ exact: dead.key_id }) },
    { header: 'UPSTREAM', wide: true, yields: true, cell: (dead) => ({ exact: dead.upstream ?? '' }) },
    { header: 'FAILED', cell: (dead) => time(dead.failed_at) },
  ];
}

export function deadLetterView(nowMs: number): View<DeadLetterDetails> {
  const time = timeCell(nowMs);
  /** What is empty is not shown; a time that is not there would be a dash. */
  const timeIfAny = (at: string | null): Cell => (at === null ? { exact: '' } : time(at));
  return {
    name: (dead) => dead.id,
    fields: (dead) => [
      ['id', { exact: dead.id }],
      ['state', { exact: dead.state, tone: dead.state === 'open' ? 'bad' : 'dim' }],
      ['error', { exact: `${dead.error.code}: ${dead.error.message}`, tone: 'bad' }],
      ['model', { exact: dead.model }],
      ['key', { exact: dead.key_id }],
      ['priority', { exact: String(dead.priority) }],
      ['attempts', { exact: String(dead.attempts) }],
      ['deliveries', { exact: String(dead.deliveries) }],
      ['policy', { exact: policyText(dead.policy) }],
      ['upstream', { exact: dead.upstream ?? '' }],
      ['metadata', { exact: dead.metadata === null ? '' : JSON.stringify(dead.metadata) }],
      ['created', time(dead.created_at)],
      ['started', timeIfAny(dead.started_at)],
      ['failed', time(dead.failed_at)],
      ['retry of', { exact: dead.retry_of ?? '' }],
      ['retried as', { exact: dead.retried_as ?? '' }],
      ['retry reason', { exact: dead.retry_reason ?? '' }],
      ['retried by', { exact: dead.retry_operation ?? '' }],
      ['discarded', timeIfAny(dead.discarded_at)],
      ['discard reason', { exact: dead.discard_reason ?? '' }],
    ],
  };
}

export function attemptColumns(nowMs: number): Column<DeadLetterDetails['history'][number]>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'FENCE', cell: ({ fence }) => ({ exact: String(fence) }) },
    { header: 'ENDED', cell: ({ ended_at }) => time(ended_at) },
    { header: 'UPSTREAM', yields: true, cell: ({ upstream }) => ({ exact: upstream ?? '' }) },
    { header: 'ERROR', cell: ({ error }) => ({ exact: error.code, tone: 'bad' }) },
    { header: 'MESSAGE', yields: true, cell: ({ error }) => ({ exact: error.message }) },
  ];
}

/** "max_attempts 5, retry_base_ms 1000". */
function policyText(policy: DeadLetterDetails['policy']): string {
  return Object.entries(policy ?? {})
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}
