/** What a run did, in numbers and as a page to read. */
import { INVARIANTS, type FinalState, type Violation } from './checker.ts';
import { type History, type Op, opsOf } from './history.ts';
import type { Outcome } from './scenario.ts';

export interface Facts {
  readonly sent: number;
  readonly accepted: number;
  /** Calls nobody knows the end of, and how many of them turned out to have happened. */
  readonly unknown: { readonly calls: number; readonly happened: number };
  readonly reads: { readonly ok: number; readonly unknown: number };
  readonly cancels: { readonly ok: number; readonly late: number; readonly unknown: number };
  readonly webhooks: { readonly received: number; readonly repeated: number };
  /** How requests ended: `completed`, `failed poison`, … */
  readonly ends: Readonly<Record<string, number>>;
  /** Calls the models heard of, and requests they answered to the end more than once, in percent. */
  readonly model: { readonly calls: number; readonly answeredTwicePercent: number };
  readonly acceptMs: { readonly p50: number; readonly p99: number };
  /** From the last heal and the last arrival to the end of the last request. */
  readonly recoveryMs: number;
  readonly durationMs: number;
}

interface Material {
  readonly history: History;
  readonly final: FinalState;
  readonly models: ReadonlyMap<string, { calls: number; completed: number }>;
  readonly recoveryMs: number;
  readonly durationMs: number;
}

export function factsOf({ history, final, models, recoveryMs, durationMs }: Material): Facts {
  const ops = opsOf(history.events);
  const of = (f: Op['intent']['f'], end?: 'ok' | 'fail' | 'info'): Op[] =>
    ops.filter((op) => op.intent.f === f && (!end || (op.end?.type ?? 'info') === end));
  const stored = new Set(final.requests.map(({ n }) => n));
  const unknown = of('accept', 'info');
  const happened = unknown.filter(({ intent }) => intent.f === 'accept' && stored.has(intent.n)).length;
  const messages = history.events.flatMap((event) => (event.type === 'webhook' ? [event.messageId] : []));
  const ends = Object.groupBy(final.requests, ({ status, errorCode }) =>
    errorCode === null || status === 'pending' ? status : `${status} ${errorCode}`,
  );
  const twice = [...models.values()].filter(({ completed }) => completed > 1).length;
  const calls = [...models.values()].reduce((sum, one) => sum + one.calls, 0);
  const took = of('accept', 'ok').map(({ fromMs, toMs }) => toMs - fromMs);
  return {
    sent: of('accept').length,
    accepted: of('accept', 'ok').length,
    unknown: { calls: unknown.length, happened },
    reads: { ok: of('read', 'ok').length, unknown: of('read', 'info').length },
    cancels: {
      ...{ ok: of('cancel', 'ok').length, late: of('cancel', 'fail').length },
      unknown: of('cancel', 'info').length,
    },
    webhooks: { received: messages.length, repeated: messages.length - new Set(messages).size },
    ends: Object.fromEntries(Object.entries(ends).map(([end, all]) => [end, all!.length])),
    model: { calls, answeredTwicePercent: (100 * twice) / Math.max(1, models.size) },
    acceptMs: { p50: quantile(took, 0.5), p99: quantile(took, 0.99) },
    recoveryMs,
    durationMs,
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** The summary: one row a fact, one a promise. */
export function summaryOf({ scenario, facts, violations, faults }: Outcome): string {
  const { unknown, reads, cancels, model, acceptMs } = facts;
  const injected = faults.filter((line) => line.includes(' inject ')).length;
  const rows: [string, string][] = [
    ['seed', String(scenario.seed)],
    ['brokers', `${scenario.brokers}, ${scenario.engines} engines`],
    ['time', `${seconds(facts.durationMs)} of faults, quiet ${seconds(facts.recoveryMs)} after the last`],
    ['faults injected', String(injected)],
    [
      'accept calls',
      `${facts.sent}: ${facts.accepted} answered, ${unknown.calls} unknown (${unknown.happened} happened)`,
    ],
    ['reads', `${reads.ok} answered, ${reads.unknown} unknown`],
    ['cancels', `${cancels.ok} in time, ${cancels.late} too late, ${cancels.unknown} unknown`],
    ['webhooks', `${facts.webhooks.received} received, ${facts.webhooks.repeated} of them again`],
    [
      'ends',
      Object.entries(facts.ends)
        .map(([end, count]) => `${count} ${end}`)
        .join(', '),
    ],
    ['calls of models', `${model.calls}; answered twice: ${model.answeredTwicePercent.toFixed(2)} %`],
    ['accept takes', `p50 ${acceptMs.p50.toFixed(0)} ms, p99 ${acceptMs.p99.toFixed(0)} ms`],
    ...promises(violations),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [scenario.name, ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)].join('\n');
}

function promises(violations: readonly Violation[]): [string, string][] {
  return Object.entries(INVARIANTS).map(([name, sentence]) => {
    const broken = violations.filter(({ invariant }) => invariant === name).length;
    return [name, `${broken === 0 ? 'held  ' : `BROKEN ${broken} times`}  ${sentence}`];
  });
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

const SHOWN = 20;

/** The whole story in Markdown: summary, violations with what is known of each, and the faults. */
export function reportOf(outcome: Outcome): string {
  const { scenario, violations, faults } = outcome;
  return [
    `# Chaos: ${scenario.name}, seed ${scenario.seed}`,
    `Verdict: **${violations.length === 0 ? 'every promise held' : `${violations.length} violations`}**`,
    block(summaryOf(outcome)),
    ...(violations.length > 0
      ? ['## Violations', ...violations.slice(0, SHOWN).map((one) => evidenceOf(one, outcome))]
      : []),
    ...(violations.length > SHOWN ? [`… and ${violations.length - SHOWN} more.`] : []),
    '## Faults',
    block(faults.join('\n')),
    '',
  ].join('\n\n');
}

/** What clients saw of the request, what brokers logged of it, and the violation. */
export function evidenceOf({ invariant, what, id }: Violation, { history, logs, final }: Outcome): string {
  const title = `### ${invariant}: ${what}`;
  if (id === undefined) return title;
  const n = final.requests.find((request) => request.id === id)?.n;
  const seen = opsOf(history.events)
    .filter(({ intent, end }) => isAbout(intent, id, n) || (end?.type === 'ok' && end.seen.id === id))
    .map(({ intent, client, fromMs, toMs, end }) => {
      const span = `${seconds(fromMs)}–${toMs === Infinity ? '?' : seconds(toMs)}`;
      const said =
        end?.type === 'ok' ? `${end.seen.status} (attempts ${end.seen.attempts})` : (end?.why ?? 'no end');
      return `${span}  ${intent.f} by ${client}: ${end?.type ?? 'open'} ${said}`;
    });
  const logged = Object.entries(logs).flatMap(([name, log]) =>
    log
      .split('\n')
      .filter((line) => line.includes(id))
      .map((line) => `${name}  ${line.slice(0, 300)}`),
  );
  return [title, `Request \`${id}\``, block([...seen, ...logged].join('\n'))].join('\n\n');
}

function isAbout(intent: Op['intent'], id: string, n: number | null | undefined): boolean {
  return intent.f === 'accept' ? intent.n === n : intent.id === id;
}

function block(text: string): string {
  return `\`\`\`\n${text}\n\`\`\``;
}
