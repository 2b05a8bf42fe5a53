/** What `fila top` costs with 1,000 lanes: CPU and memory of the screen, and of the broker with and without it. Arguments: minutes, pictures a second. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Fila } from '../packages/sdk/src/index.ts';
import { startSimulatedOllama } from '../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { openTerminal } from '../test/helpers/terminal.ts';

const CLI = join(import.meta.dirname, '../packages/cli/bin/fila.js');
const LANES = 1_000;
const MODELS = ['m0:1b', 'm1:1b', 'm2:1b', 'm3:1b'];
const BANDS = 5;
/** Requests a second that come and go beside those that wait. */
const FLOW = 25;
const SAMPLE_MS = 2_000;
const WARM_UP_MS = 15_000;
const BASE_MS = 20_000;
const TICKS_PER_SECOND = 100;
const MOST_CPU = 6;
/** Between the second and the last third of the time: noise of the garbage collector is less. */
const MOST_GROWTH_MB = 12;

const minutes = Number(process.argv[2] ?? 2);
const perSecond = Number(process.argv[3] ?? 2);

interface Usage {
  readonly atMs: number;
  readonly cpuS: number;
  readonly rssMb: number;
}

function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [, rss] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { atMs: performance.now(), cpuS: ticks / TICKS_PER_SECOND, rssMb: Number(rss) / 1024 };
}

/** Per cent of one core. */
function cpuBetween(first: Usage, last: Usage): number {
  return ((last.cpuS - first.cpuS) * 100_000) / (last.atMs - first.atMs);
}

async function startDaemon(dataDir: string, urls: string): Promise<{ child: ChildProcess; url: string }> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('FILA_'));
  const child = spawn(process.execPath, [CLI, 'serve'], {
    env: {
      ...Object.fromEntries(inherited),
      ...{ FILA_DATA_DIR: dataDir, FILA_PORT: '0', FILA_OLLAMA_URLS: urls, FILA_LOG_LEVEL: 'warn' },
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  createInterface({ input: child.stdout! }).resume();
  for (let tries = 0; tries < 100; tries++) {
    await delay(100);
    try {
      const { url } = JSON.parse(readFileSync(join(dataDir, 'daemon.json'), 'utf8')) as { url: string };
      return { child, url };
    } catch {
      // Not yet.
    }
  }
  throw new Error('The daemon did not start.');
}

/** One request that waits in each of a thousand lanes: their models answer nothing for as long as this runs. */
async function fillLanes(admin: Fila, url: string): Promise<void> {
  const keys = Math.ceil(LANES / (MODELS.length * BANDS));
  for (let n = 0; n < keys; n++) {
    const { key } = await admin.keys.create({ name: `client-${n}` });
    const client = new Fila({ url, apiKey: key });
    const sends = MODELS.flatMap((model) =>
      Array.from({ length: BANDS }, (_, band) =>
        client.requests.create({ prompt: 'wait', model, priority: 2 * band }),
      ),
    );
    await Promise.all(sends);
  }
}

async function measureAlone(pid: number): Promise<number> {
  const before = usageOf(pid);
  await delay(BASE_MS);
  return cpuBetween(before, usageOf(pid));
}

const dataDir = mkdtempSync(join(tmpdir(), 'fila-bench-top-'));
const names = (models: readonly string[]) => models.map((name) => ({ name }));
const slow = await startSimulatedOllama({
  models: names(MODELS),
  slots: 1,
  firstTokenMs: 3_600_000,
  maxLoaded: 8,
});
const quick = await startSimulatedOllama({ models: names(['quick:1b']), slots: 8, answerTokens: 5 });
const { child, url } = await startDaemon(dataDir, `${slow.url}#slots=1,${quick.url}#slots=8`);
const adminToken = readFileSync(join(dataDir, 'admin.token'), 'utf8').trim();
const admin = new Fila({ url, adminToken });
await fillLanes(admin, url);
const { key } = await admin.keys.create({ name: 'flow' });
const client = new Fila({ url, apiKey: key, maxRetries: 0 });
const load = setInterval(() => {
  client.requests.create({ prompt: 'x', model: 'quick:1b' }).catch(() => undefined);
}, 1_000 / FLOW);
await delay(3_000);
const brokerAlone = await measureAlone(child.pid!);

const terminal = openTerminal({
  ...{ columns: 100, rows: 30 },
  command: [process.execPath, CLI, 'top', '--interval', `${Math.round(1_000 / perSecond)}ms`],
  environment: { FILA_URL: url, FILA_TOKEN: adminToken, LC_ALL: 'C.UTF-8' },
});
const samples: Usage[] = [];
let brokerWatched: number;
try {
  await terminal.shows(/live/);
  const { lanes_total: lanes } = await admin.overview();
  console.log(`${lanes} lanes, ${FLOW} requests/s, 100x30, ${perSecond} pictures a second, ${minutes} min`);
  await delay(WARM_UP_MS);
  const pid = terminal.pid();
  const brokerBefore = usageOf(child.pid!);
  const endAt = performance.now() + minutes * 60_000;
  while (performance.now() < endAt) {
    samples.push(usageOf(pid));
    await delay(SAMPLE_MS);
  }
  samples.push(usageOf(pid));
  brokerWatched = cpuBetween(brokerBefore, usageOf(child.pid!));
  console.log(terminal.screen().join('\n'));
} finally {
  terminal.close();
  clearInterval(load);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await Promise.all([slow.stop(), quick.stop()]);
  rmSync(dataDir, { recursive: true, force: true });
}

const meanRss = (part: readonly Usage[]): number =>
  part.reduce((sum, { rssMb }) => sum + rssMb, 0) / part.length;
const third = Math.floor(samples.length / 3);
const cpu = cpuBetween(samples[0]!, samples.at(-1)!);
const thirds = [0, 1, 2].map((n) => meanRss(samples.slice(n * third, (n + 1) * third)));
const growth = thirds[2]! - thirds[1]!;
console.log(`fila top   CPU ${cpu.toFixed(1)} % of a core (limit ${MOST_CPU})`);
console.log(
  `           RSS ${thirds.map((mb) => mb.toFixed(0)).join(' → ')} MB by thirds (limit +${MOST_GROWTH_MB} in the last)`,
);
console.log(`broker     CPU ${brokerAlone.toFixed(1)} % alone, ${brokerWatched.toFixed(1)} % watched`);
const isGood = cpu <= MOST_CPU && growth <= MOST_GROWTH_MB;
console.log(isGood ? 'within limits' : 'MISSED');
process.exitCode = isGood ? 0 : 1;
