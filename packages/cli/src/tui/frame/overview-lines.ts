/** The first screen: flow, backlog and oldest wait first, then lanes, upstreams and models as far as there is room. */
import { countOf, rateOf, resampled, signedRateOf, sparkline, spanOf } from '../state/figures.ts';
import type { Picture } from '../state/data.ts';
import { waitCell, type Scene } from '../state/table.ts';
import { between, type Line, type Span } from './line.ts';
import { rule } from './rule.ts';
import { tableLines } from './table-lines.ts';

const LABEL = 8;
const FIGURE = 7;
/** Space for a rate and what belongs to it. */
const RATE_WIDTH = LABEL + FIGURE + 3;
/** Requests a second that the backlog may change by and still count as steady. */
const SLOW = 0.2;
const FEW_ROWS = 20;
const MANY_ROWS = 28;

export function overviewLines(scene: Scene, room: number): Line[] {
  const { state, say } = scene;
  const { picture } = state;
  if (!picture) return [[{ text: ` ${say('loading')}`, tone: 'dim' }]];
  const flow = flowLines(scene, picture);
  const isLow = state.rows < FEW_ROWS;
  const upstreams = isLow ? [] : upstreamLines(scene, picture, Math.max(3, Math.floor(room / 4)));
  const models = state.rows >= MANY_ROWS ? modelLines(scene, picture, 4) : [];
  const lanesRoom = room - flow.length - upstreams.length - models.length - 1;
  const title = `${say('lanes')} ${countOf(picture.lanes.length)} ${say('of')} ${countOf(Math.max(picture.lanes.length, picture.lanes_total))}`;
  return [
    ...flow,
    rule(scene, title, sortText(scene)),
    ...filled(tableLines(scene, lanesRoom), lanesRoom),
    ...upstreams,
    ...models,
  ];
}

/** So that what stands below stays where it is. */
function filled(lines: Line[], room: number): Line[] {
  while (lines.length < room) lines.push([]);
  return lines;
}

export function sortText({ state, say }: Scene): string {
  const look = state.looks[state.view];
  return [
    look.marked.size > 0 ? `${look.marked.size} ${say('marked')}` : '',
    look.filter === '' ? '' : `${say('filter')}: ${look.filter}`,
  ]
    .filter((text) => text !== '')
    .join('  ');
}

function flowLines(scene: Scene, picture: Picture): Line[] {
  const { state, glyphs, say } = scene;
  const { flow, requests } = picture;
  const right = rightColumn(scene, picture);
  const rightWidth = Math.max(...right.map((line) => line.reduce((sum, { text }) => sum + text.length, 0)));
  const sparkWidth = Math.max(0, Math.min(60, state.columns - RATE_WIDTH - rightWidth - 2));
  const left = (label: string, rate: number, values: readonly number[], tone?: Span['tone']): Line => [
    { text: ` ${label.slice(0, LABEL).padEnd(LABEL)}` },
    { text: `${rateOf(rate)}/s`.padStart(FIGURE), tone: 'strong' },
    { text: ' ' },
    { text: sparkline(resampled(values, sparkWidth), glyphs.levels), ...(tone ? { tone } : {}) },
  ];
  const { accepted, completed, failed } = flow.seconds;
  const rows = [
    left(say('in'), flow.accepted_per_second, accepted, 'busy'),
    left(say('done'), flow.completed_per_second, completed, 'ok'),
    left(say('failed'), flow.failed_per_second, failed, 'bad'),
  ];
  return [
    rule(scene, say('flow'), drainText(scene, requests)),
    ...rows.map((line, index) => between(line, right[index]!, state.columns)),
    between(
      [
        { text: ` ${say('backlog').slice(0, LABEL).padEnd(LABEL)}` },
        { text: countOf(unfinished(requests)).padStart(FIGURE), tone: 'strong' },
        { text: ' ' },
        { text: sparkline(resampledLevels(state.backlog, sparkWidth), glyphs.levels), tone: 'warn' },
      ],
      [
        {
          text: `${rateOf(flow.tokens_per_second)} ${say('tokens')}  ${say('refused')} ${countOf(picture.limits.refused_minute)}/min `,
        },
      ],
      state.columns,
    ),
  ];
}

/** Levels are shown by their last values: a sum of them would mean nothing. */
function resampledLevels(values: readonly number[], width: number): readonly number[] {
  return values.slice(-Math.max(1, width));
}

function unfinished({ pending, processing, delayed }: Picture['requests']): number {
  return pending + processing + delayed;
}

function rightColumn({ glyphs, say }: Scene, { requests }: Picture): Line[] {
  const change = requests.change_per_second;
  const isGrowing = (change ?? 0) > SLOW;
  const isShrinking = (change ?? 0) < -SLOW;
  const arrow = isGrowing ? glyphs.up : isShrinking ? glyphs.down : ' ';
  const oldest = waitCell(requests.oldest_wait_ms);
  return [
    [
      { text: `${say('waiting')} ${countOf(requests.pending).padStart(6)} ` },
      {
        text: `${arrow} ${change === null ? '-' : signedRateOf(change)}/s `.padEnd(11),
        tone: isGrowing ? 'warn' : isShrinking ? 'ok' : 'dim',
      },
    ],
    [
      { text: `${say('oldest')} ` },
      { text: oldest.text.padStart(6), tone: oldest.tone ?? 'strong' },
      { text: `  ${say('running')} ${countOf(requests.processing)} ` },
    ],
    [
      {
        text: `${say('delayed')} ${countOf(requests.delayed)} `,
      },
    ],
  ];
}

/** How the backlog goes on if nothing changes. */
function drainText({ say }: Scene, requests: Picture['requests']): string {
  const change = requests.change_per_second;
  if (change === null) return '';
  if (change > SLOW) return say('growing');
  if (change < -SLOW) return `${say('emptyIn')} ${spanOf((unfinished(requests) / -change) * 1000)}`;
  return say('steady');
}

function upstreamLines(scene: Scene, picture: Picture, most: number): Line[] {
  const { say } = scene;
  const up = picture.upstreams.filter(({ status }) => status === 'up').length;
  const title = `${say('upstreams')} ${up} ${say('of')} ${picture.upstreams.length} ${say('up')}`;
  const [, ...rows] = tableLines(scene, most + 1, 'upstreams');
  return [rule(scene, title), ...rows];
}

function modelLines(scene: Scene, picture: Picture, most: number): Line[] {
  const { say } = scene;
  const width = Math.max(20, Math.min(40, scene.state.columns - 50));
  return [
    rule(scene, say('models')),
    ...picture.models.slice(0, most).map((model): Line => {
      const oldest = waitCell(model.oldest_wait_ms);
      return [
        { text: `  ${model.model.slice(0, width).padEnd(width)} ` },
        {
          text: `${say('waiting')} ${countOf(model.pending).padStart(6)}  ${say('running')} ${countOf(model.processing).padStart(4)}  ${say('oldest')} `,
        },
        { text: oldest.text.padStart(6), ...(oldest.tone ? { tone: oldest.tone } : {}) },
      ];
    }),
  ];
}
