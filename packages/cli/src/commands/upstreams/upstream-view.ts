/** How an upstream looks to people: columns of a list, fields of one. */
import type { Upstream } from '@fila/sdk';
import type { Tone } from '../../output/colour.ts';
import type { View } from '../../output/formats.ts';
import { timeCell, type Cell, type Column } from '../../output/table.ts';
import { relativeTime } from '../../output/units.ts';

const GLYPHS: Record<Upstream['status'], readonly [glyph: string, tone: Tone]> = {
  up: ['●', 'ok'],
  down: ['✖', 'bad'],
  unknown: ['○', 'dim'],
};

export function upstreamColumns(nowMs: number): Column<Upstream>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'ID', cell: ({ id }) => ({ exact: id }) },
    { header: 'STATUS', cell: statusCell },
    { header: 'SINCE', cell: ({ since }) => time(since) },
    { header: 'RUNNING', cell: ({ running }) => ({ exact: String(running) }) },
    { header: 'SLOTS', cell: slotsCell },
    { header: 'MODELS', cell: ({ models }) => ({ exact: String(models.length) }) },
    { header: 'VERSION', yields: true, cell: ({ version }) => textCell(version) },
    { header: 'BREAKERS', yields: true, cell: breakersCell },
    { header: 'BROKER', yields: true, cell: brokerCell },
    { header: 'SOURCE', wide: true, cell: ({ source }) => ({ exact: source }) },
    { header: 'ERROR', wide: true, yields: true, cell: (upstream) => textCell(upstream.last_error) },
  ];
}

export function upstreamView(nowMs: number): View<Upstream> {
  const time = timeCell(nowMs);
  return {
    name: ({ id }) => id,
    fields: (upstream) => [
      ['id', { exact: upstream.id, tone: 'strong' }],
      ['url', { exact: upstream.url }],
      ['status', statusCell(upstream)],
      ['since', time(upstream.since)],
      ['last error', { exact: upstream.last_error ?? '' }],
      ['version', { exact: upstream.version ?? '' }],
      ['running', { exact: String(upstream.running) }],
      ['slots', slotsCell(upstream)],
      ...slotFields(upstream, nowMs),
      ['models', { exact: upstream.models.join(',') }],
      ['breakers', breakersCell(upstream)],
      ['breaker error', { exact: notClosed(upstream)[0]?.last_error ?? '' }],
      ['dispatched by', brokerCell(upstream)],
      ['source', { exact: upstream.source }],
      ['checked', time(upstream.checked_at)],
      ['created', upstream.created_at === null ? { exact: '' } : time(upstream.created_at)],
    ],
  };
}

/** Who starts calls there. */
function brokerCell({ dispatched_by: by }: Upstream): Cell {
  if (!by) return { exact: 'none', tone: 'dim' };
  return { exact: by.here ? 'this' : `${by.host}/${by.run}` };
}

/** "up", or "up,draining": whether it answers, and what an operator has switched off. */
function statusCell({ status, enabled, draining }: Upstream): Cell {
  const [glyph, tone] = GLYPHS[status] ?? ['?', 'dim'];
  const off = [...(enabled ? [] : ['disabled']), ...(draining ? ['draining'] : [])];
  const exact = [status, ...off].join(',');
  return off.length > 0 && status === 'up'
    ? { exact, shown: `◐ ${exact}`, tone: 'warn' }
    : { exact, shown: `${glyph} ${exact}`, tone };
}

function slotsCell({ slots, slots_auto: isAuto }: Upstream): Cell {
  return { exact: String(slots), ...(isAuto ? { shown: `${slots} auto` } : {}) };
}

const CHANGED: Record<NonNullable<Upstream['breakers'][number]['slots_changed']>['reason'], string> = {
  trial: 'to see whether one more brings more tokens a second',
  more_tokens: 'one more brought more tokens a second',
  no_more_tokens: 'one more brought no more tokens a second',
  first_token_late: 'calls waited for their first token',
  calls_slow: 'each call got far slower',
  busy: 'the server was full',
};

/** For each model: how many, and why they last changed. */
function slotFields({ slots_auto: isAuto, breakers }: Upstream, nowMs: number): [string, Cell][] {
  if (!isAuto) return [];
  return breakers.map(({ model, slots, slots_changed: change }): [string, Cell] => {
    if (!change) return [`slots of ${model}`, { exact: String(slots) }];
    const why = CHANGED[change.reason] ?? change.reason;
    const exact = `${slots}, from ${change.from} ${relativeTime(change.at, nowMs)}: ${why}`;
    return [`slots of ${model}`, { exact }];
  });
}

/** What an operator forced, or the models whose breakers are not closed. */
function breakersCell(upstream: Upstream): Cell {
  if (upstream.breaker !== 'auto') return { exact: `forced ${upstream.breaker}`, tone: 'warn' };
  const some = notClosed(upstream);
  if (some.length === 0) return { exact: 'closed', tone: 'dim' };
  return { exact: some.map(({ model, state }) => `${model} ${state}`).join(','), tone: 'bad' };
}

function notClosed({ breakers }: Upstream): Upstream['breakers'] {
  return breakers.filter(({ state }) => state !== 'closed');
}

function textCell(text: string | null): Cell {
  return text === null ? { exact: '', shown: '-', tone: 'dim' } : { exact: text };
}
