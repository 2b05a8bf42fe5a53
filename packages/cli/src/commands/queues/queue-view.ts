/** How a queue looks to people: columns of a list, fields of one. */
import type { Queue } from '@fila/sdk';
import type { Tone } from '../../output/colour.ts';
import type { View } from '../../output/formats.ts';
import { timeCell, type Cell, type Column } from '../../output/table.ts';
import { shortDuration } from '../../output/units.ts';
import { ownPolicy } from './policy-flags.ts';

const LOOKS: Record<Queue['state'], readonly [glyph: string, tone: Tone]> = {
  active: ['●', 'ok'],
  paused: ['⊘', 'warn'],
  draining: ['◐', 'warn'],
};

export function queueColumns(nowMs: number): Column<Queue>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'NAME', cell: ({ name }) => ({ exact: name }) },
    { header: 'STATE', cell: stateCell },
    { header: 'PENDING', cell: (queue) => countCell(queue, queue.pending) },
    { header: 'DELAYED', cell: (queue) => countCell(queue, queue.delayed) },
    { header: 'RUNNING', cell: (queue) => countCell(queue, queue.running) },
    { header: 'OLDEST', cell: waitCell },
    { header: 'POLICY', wide: true, yields: true, cell: policyCell },
    { header: 'CREATED', wide: true, cell: ({ created_at }) => time(created_at) },
  ];
}

export function queueView(nowMs: number): View<Queue> {
  const time = timeCell(nowMs);
  return {
    name: ({ name }) => name,
    fields: (queue) => [
      ['name', { exact: queue.name, tone: 'strong' }],
      ['state', stateCell(queue)],
      ['pending', countCell(queue, queue.pending)],
      ['delayed', countCell(queue, queue.delayed)],
      ['running', countCell(queue, queue.running)],
      ['oldest wait', waitCell(queue)],
      ...ownPolicy(queue).map(([name, value]): [string, Cell] => [name, { exact: value }]),
      ['created', time(queue.created_at)],
    ],
  };
}

function stateCell({ state }: Queue): Cell {
  const [glyph, tone] = LOOKS[state] ?? ['?', 'dim'];
  return { exact: state, shown: `${glyph} ${state}`, tone };
}

/** "10000+" where counting stopped. */
function countCell({ counts_up_to }: Queue, count: number): Cell {
  return { exact: count >= counts_up_to ? `${counts_up_to}+` : String(count) };
}

/** Milliseconds in a pipe. */
function waitCell({ oldest_wait_ms }: Queue): Cell {
  if (oldest_wait_ms === null) return { exact: '', shown: '-', tone: 'dim' };
  return { exact: String(oldest_wait_ms), shown: shortDuration(oldest_wait_ms) };
}

function policyCell(queue: Queue): Cell {
  const own = ownPolicy(queue).map(([name, value]) => `${name} ${value}`);
  return own.length > 0 ? { exact: own.join(', ') } : { exact: 'as the settings say', tone: 'dim' };
}
