/** The whole screen: never more lines than the terminal has, never wider than it is. */
import { displayWidth } from '../../output/plain-text.ts';
import { countOf, spanOf } from '../state/figures.ts';
import { ACTS, actRowOf, COMMON, HINTS, LAST_HINTS } from '../state/keymap.ts';
import { rowsOf } from '../state/select.ts';
import { upstreamWord } from '../state/queue-tables.ts';
import type { Scene, Tone } from '../state/table.ts';
import type { TextId } from '../state/texts.ts';
import { VIEWS, type Act, type TopState } from '../state/top-state.ts';
import { between, fitted, type Line, type Span } from './line.ts';
import { overviewLines, sortText } from './overview-lines.ts';
import { rule } from './rule.ts';
import { tableLines } from './table-lines.ts';

export const LEAST = { columns: 44, rows: 12 };
/** From here on there is room for whole words. */
const WIDE = 96;
const HEAD = 2;
const FOOT = 2;

export function frameOf(scene: Scene): Line[] {
  const { state, glyphs, say } = scene;
  const { columns, rows } = state;
  if (columns < LEAST.columns || rows < LEAST.rows) {
    const texts = [say('tooSmall'), `${columns}x${rows}, ${say('needed')} ${LEAST.columns}x${LEAST.rows}`];
    return texts.slice(0, rows).map((text) => fitted([{ text }], columns, glyphs.isPlain));
  }
  const room = rows - HEAD - FOOT;
  const body = bodyLines(scene, room).slice(0, room);
  while (body.length < room) body.push([]);
  const lines = [header(scene), tabs(scene), ...body, alertLine(scene), hints(scene)];
  return lines.map((line) => fitted(line, columns, glyphs.isPlain));
}

function bodyLines(scene: Scene, room: number): Line[] {
  const { state } = scene;
  const { mode } = state;
  if (mode.kind === 'help') return helpLines(scene);
  if (mode.kind === 'detail') return detailLines(scene, room);
  const dialog = mode.kind === 'confirm' || mode.kind === 'reason' ? dialogLines(scene) : [];
  const left = room - dialog.length;
  const lines = state.view === 'overview' ? overviewLines(scene, left) : listLines(scene, left);
  const kept = lines.slice(0, left);
  while (dialog.length > 0 && kept.length < left) kept.push([]);
  return [...kept, ...dialog];
}

/** The word for all of it, and how old what is shown is: a screen that stands still must look so. */
export function healthOf({ picture, pictureAt, connection, now, everyMs, isHeld }: TopState): {
  readonly id: TextId;
  readonly tone: Tone;
  readonly ageMs: number | null;
} {
  const ageMs = pictureAt === null ? null : now - pictureAt;
  if (picture === null)
    return { id: connection.error ? 'down' : 'connecting', tone: connection.error ? 'bad' : 'warn', ageMs };
  if (isHeld) return { id: 'held', tone: 'warn', ageMs };
  if (ageMs! > Math.max(5_000, 3 * everyMs)) return { id: 'stale', tone: 'bad', ageMs };
  const usable = picture.upstreams.filter((one) => upstreamWord(one) === 'up').length;
  if (usable === 0) return { id: 'down', tone: 'bad', ageMs: null };
  const isWhole =
    usable === picture.upstreams.length && picture.upstreams.every((one) => one.open_breakers.length === 0);
  return isWhole ? { id: 'ok', tone: 'ok', ageMs: null } : { id: 'degraded', tone: 'warn', ageMs: null };
}

function header(scene: Scene): Line {
  const { state, glyphs, say } = scene;
  const { picture, connection, columns } = state;
  const health = healthOf(state);
  const glyph = { ok: glyphs.ok, warn: glyphs.warn, bad: glyphs.bad }[health.tone as 'ok' | 'warn' | 'bad'];
  const age = health.ageMs !== null ? ` ${spanOf(health.ageMs)}` : '';
  const brokers =
    picture && picture.broker.brokers > 1 ? `  ${picture.broker.brokers} ${say('brokers')}` : '';
  const start: Span[] = [
    { text: ' FILA ', tone: 'strong' },
    {
      text:
        columns >= WIDE ? `${state.version}  ${state.url}${brokers}` : state.url.replace(/^https?:\/\//, ''),
    },
  ];
  const how = connection.how === 'none' ? '' : `  ${say(connection.how === 'live' ? 'live' : 'polling')}`;
  const uptime = picture && columns >= 72 ? `  ${say('up')} ${spanOf(picture.broker.uptime_ms)}` : '';
  const end: Span[] = [
    { text: `${glyph} ${say(health.id)}${age}`, tone: health.tone },
    { text: `${how}${uptime}  ${say(state.isReadOnly ? 'readOnly' : 'readWrite')}  ${clock(state.now)} ` },
  ];
  return between(start, end, columns);
}

function clock(now: number): string {
  return new Date(now).toTimeString().slice(0, 8);
}

function tabs({ state, say }: Scene): Line {
  const spans: Span[] = [{ text: ' ' }];
  const deadLetters = state.picture?.requests.dead_letters ?? 0;
  const isWide = state.columns >= WIDE;
  for (const [index, view] of VIEWS.entries()) {
    const count = view === 'dead' && deadLetters > 0 ? `:${countOf(deadLetters)}` : '';
    const name = say(`${isWide ? 'view' : 'short'}.${view}`);
    const text = `${index + 1} ${name}${count}`;
    spans.push(view === state.view ? { text: ` ${text} `, isInverse: true } : { text: ` ${text} ` });
  }
  return spans;
}

function listLines(scene: Scene, room: number): Line[] {
  const { state, say } = scene;
  const { items, total } = rowsOf(state);
  const list =
    state.view === 'requests' || state.view === 'dead' || state.view === 'keys'
      ? state.lists[state.view]
      : null;
  const shown =
    items.length === total ? countOf(total) : `${countOf(items.length)} ${say('of')} ${countOf(total)}`;
  const narrowed = Object.values(state.query).join(' ');
  const title = `${say(`view.${state.view}`)} ${shown}${list?.hasMore ? ` ${say('more')}` : ''}${narrowed ? `  ${narrowed}` : ''}`;
  const extra = state.view === 'webhooks' ? webhookLines(scene) : [];
  const trouble: Line[] = list?.error ? [[{ text: ` ${list.error}`, tone: 'bad' }]] : [];
  const head = [rule(scene, title, sortText(scene)), ...extra, ...trouble];
  return [...head, ...tableLines(scene, room - head.length)];
}

function webhookLines({ state, say }: Scene): Line[] {
  const hooks = state.picture?.webhooks;
  if (!hooks) return [];
  const late = hooks.oldest_due_ms === null ? '' : `  ${say('oldest')} ${spanOf(hooks.oldest_due_ms)}`;
  return [
    [
      { text: ` ${hooks.endpoints} ${say('endpointsLine')}   ` },
      { text: `${hooks.failing} ${say('failing')}`, tone: hooks.failing > 0 ? 'warn' : 'dim' },
      { text: '   ' },
      { text: `${hooks.disabled} ${say('disabled')}`, tone: hooks.disabled > 0 ? 'bad' : 'dim' },
      {
        text: `   ${countOf(hooks.pending)} ${say('pendingDeliveries')}   ${countOf(hooks.due)} ${say('due')}${late}`,
      },
    ],
    [{ text: ` ${say('webhooksHow')}`, tone: 'dim' }],
  ];
}

function helpLines(scene: Scene): Line[] {
  const { state, say } = scene;
  const entry = ([keys, label]: readonly [string, TextId]): Line => [
    { text: `   ${keys.padEnd(12)}`, tone: 'strong' },
    { text: say(label) },
  ];
  const acts = (ACTS[state.view] ?? []).map((row): Line => entry([row.key, row.label]));
  const half = Math.ceil(COMMON.length / 2);
  const left = COMMON.slice(0, half).map(entry);
  const right = COMMON.slice(half).map(entry);
  const width = Math.floor(state.columns / 2);
  const pairs = left.map((line, index): Line => [
    ...fitted(line, width, scene.glyphs.isPlain),
    ...(right[index] ?? []),
  ]);
  return [
    rule(scene, say('helpTitle'), say(`view.${state.view}`)),
    ...pairs,
    ...acts,
    [{ text: ` ${say('helpSafe')}`, tone: 'dim' }],
    [{ text: ` ${say('helpClose')}`, tone: 'dim' }],
  ];
}

function detailLines(scene: Scene, room: number): Line[] {
  const { state, say } = scene;
  const { mode, detail } = state;
  if (mode.kind !== 'detail') return [];
  const lines = detail?.id === mode.id ? detail.lines : null;
  const label = Math.max(10, ...(lines ?? []).map(([name]) => name.length));
  const body = lines
    ? lines.map(([name, value]): Line => [{ text: ` ${name.padEnd(label)}  `, tone: 'dim' }, { text: value }])
    : [[{ text: ` ${say('loading')}`, tone: 'dim' as const }]];
  const note: Line[] = [
    [{ text: ` ${say('contentHidden')}`, tone: 'dim' }],
    [{ text: ` ${say('detailClose')}`, tone: 'dim' }],
  ];
  return [rule(scene, mode.id), ...body.slice(0, room - 1 - note.length), ...note];
}

/** What would be done, to how many, where, and the command that does the same. */
function dialogLines(scene: Scene): Line[] {
  const { state, say } = scene;
  const { mode } = state;
  if (mode.kind !== 'confirm' && mode.kind !== 'reason') return [];
  const row = actRowOf(state.view, mode.act.name);
  const title = `${say('confirm')}: ${say(row.label)} ${mode.act.ids.length} ${say('at')} ${state.url}`;
  if (mode.kind === 'reason')
    return [
      rule(scene, title),
      [{ text: ` ${say('reason')}` }],
      [{ text: ` > ${mode.text}_`, tone: 'strong' }],
    ];
  return [
    rule(scene, title),
    [{ text: ` ${say('sameAs')} ` }, { text: commandOf(mode.act, row.command), tone: 'dim' }],
    [{ text: ` ${say('yes')}`, tone: 'strong' }, { text: `     ${say('no')}` }],
  ];
}

export function commandOf({ ids, reason }: Act, command: string): string {
  const shown = ids.length > 3 ? [...ids.slice(0, 3), '…'] : ids;
  const why = reason === null ? '' : ` --reason ${JSON.stringify(reason)}`;
  return `${command} ${shown.join(' ')}${why}`;
}

function alertLine(scene: Scene): Line {
  const { state, glyphs, say } = scene;
  const { notice, mode } = state;
  if (mode.kind === 'filter') return [{ text: ` / ${mode.text}_`, tone: 'strong' }];
  if (notice) {
    const text = [notice.textId ? say(notice.textId) : '', notice.text ?? ''].filter(Boolean).join(' ');
    return [{ text: ` ${glyphs[notice.tone]} ${text}`, tone: notice.tone }];
  }
  const [first, ...others] = alertsOf(scene);
  if (!first) return [];
  const more = others.length > 0 ? `   +${others.length}` : '';
  return [{ text: ` ${glyphs[first.tone]} ${first.text}${more}`, tone: first.tone }];
}

interface Alert {
  readonly tone: 'warn' | 'bad';
  readonly text: string;
}

/** The worst first. */
export function alertsOf({ state, say }: Scene): Alert[] {
  const { picture, connection, now } = state;
  const found: Alert[] = [];
  if (connection.error) {
    const wait =
      connection.retryAt === null
        ? ''
        : `, ${say('retryIn')} ${spanOf(Math.max(0, connection.retryAt - now))}`;
    found.push({ tone: 'bad', text: `${say('lost')}: ${connection.error}${wait}` });
  }
  if (!picture) return found;
  const usable = picture.upstreams.some((one) => upstreamWord(one) === 'up');
  if (!usable) found.push({ tone: 'bad', text: say('noUpstream') });
  for (const one of picture.upstreams) {
    if (one.status === 'down')
      found.push({ tone: 'bad', text: `${say('upstreamDown')}: ${one.id} ${one.last_error ?? ''}` });
    else if (one.open_breakers.length > 0)
      found.push({ tone: 'warn', text: `${say('breakerOpen')}: ${one.id} ${one.open_breakers.join(' ')}` });
  }
  const change = picture.requests.change_per_second ?? 0;
  const wait = picture.requests.oldest_wait_ms ?? 0;
  if (change > 0.5 && wait > 10_000)
    found.push({
      tone: 'warn',
      text: `${say('backlogGrows')}: +${change.toFixed(1)}/s, ${say('oldest')} ${spanOf(wait)}`,
    });
  const troubled = picture.webhooks.failing + picture.webhooks.disabled;
  if (troubled > 0) found.push({ tone: 'warn', text: `${say('webhooksFailing')}: ${troubled}` });
  return found;
}

function hints({ state, say }: Scene): Line {
  const acts = state.isReadOnly ? [] : (ACTS[state.view] ?? []);
  const spansOf = ([key, label]: readonly [string, TextId]): Span[] => [
    { text: ` ${key}`, tone: 'strong' },
    { text: ` ${say(label)} `, tone: 'dim' },
  ];
  const widthOf = (spans: readonly Span[]): number =>
    spans.reduce((sum, { text }) => sum + displayWidth(text), 0);
  const last = LAST_HINTS.flatMap(spansOf);
  let left = state.columns - widthOf(last);
  const others = [...acts.map((row) => [row.key, row.label] as const), ...HINTS].map(spansOf);
  const kept = others.filter((spans) => (left -= widthOf(spans)) >= 0);
  return [...kept.flat(), ...last];
}
