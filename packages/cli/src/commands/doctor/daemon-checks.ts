/** What the doctor asks the daemon itself: whether it answers, its clock, its engines and its upstreams. */
import type { Fila, Readiness } from '@fila/sdk';
import { failed, passed, skipped, type Finding } from './finding.ts';

/** A token's expiry and a webhook's signature are judged by clocks: minutes off, they are refused. */
const MOST_SKEW_MS = 30_000;
const PATIENCE = { maxRetries: 0, timeoutMs: 10_000 };

interface Asked {
  readonly fila: Fila;
  readonly url: string;
  /** Version of this program. */
  readonly version: string;
  now(): number;
}

/** Throws when nothing answers. */
export async function daemonFindings({ fila, url, version, now }: Asked): Promise<Finding[]> {
  const askedMs = now();
  const { data, headers } = await fila.health.ready({ verbose: true, ...PATIENCE }).withResponse();
  const middleMs = (askedMs + now()) / 2;
  return [
    answering(url, data),
    versionFinding(data.version, version),
    clockFinding(headers.get('date'), middleMs),
    ...(data.checks ?? []).map(checkFinding),
  ];
}

function answering(url: string, { status }: Readiness): Finding {
  if (status !== 'down') return passed('daemon', `answers at ${url} and takes requests`);
  return failed('daemon', `answers at ${url} and takes no requests`, [
    'See below what it waits for, and its log.',
    `curl '${url}/readyz?verbose'`,
  ]);
}

function versionFinding(theirs: string | undefined, ours: string): Finding {
  if (theirs === undefined) return skipped('version', `the daemon does not say it; this program is ${ours}`);
  if (theirs === ours) return passed('version', theirs);
  return failed('version', `the daemon is ${theirs}, this program is ${ours}`, [
    'Install the same version on both sides.',
    'fila version',
  ]);
}

/** The header has whole seconds, so a second is no difference. */
function clockFinding(date: string | null, nowMs: number): Finding {
  const theirsMs = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(theirsMs)) return skipped('clock', 'the daemon does not say its time');
  const skewMs = theirsMs + 500 - nowMs;
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  if (Math.abs(skewMs) <= MOST_SKEW_MS)
    return passed('clock', `within ${Math.max(1, seconds)} s of this one`);
  return failed('clock', `${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} this machine`, [
    'Set both clocks by NTP.',
    'timedatectl status',
  ]);
}

type ReadinessCheck = NonNullable<Readiness['checks']>[number];

function checkFinding({ name, status, detail = '', since }: ReadinessCheck): Finding {
  if (status === 'ok') return passed(name, detail || 'ok');
  const when = since === undefined ? '' : `, since ${since}`;
  return failed(name, `${status}${detail ? `: ${detail}` : ''}${when}`, remedyOf(name));
}

function remedyOf(name: string): readonly [string, string] {
  const [, upstream] = /^upstream (.+)$/.exec(name) ?? [];
  if (upstream !== undefined)
    return [
      'Start Ollama there, or look why its address does not answer.',
      `fila upstreams show ${upstream}`,
    ];
  return [`Start it again, or look whether its address in the settings is right.`, 'fila config show'];
}
