/** Does what a stranger would: clones what is committed, runs the README's two commands with the machine's own Node, reads what they say. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ANSWER_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 30_000;
const folder = mkdtempSync(join(tmpdir(), 'fila-fresh-'));
const clone = join(folder, 'fila');
const path = process.env.PATH.split(':').filter(
  (entry) => !entry.includes('node_modules') && !entry.includes('node-gyp-bin'),
);
const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|FILA_|INIT_CWD|NODE$)/i.test(name));
const env = { ...Object.fromEntries(inherited), PATH: path.join(':'), FILA_DATA_DIR: join(folder, 'data') };

function run(command, args) {
  console.log(`\n$ ${[command, ...args].join(' ')}`);
  const started = Date.now();
  execFileSync(command, args, { cwd: clone, env, stdio: 'inherit' });
  console.log(`  took ${Math.round((Date.now() - started) / 1000)} s`);
}

/** Processes whose working directory is the clone. */
function leftOver() {
  return readdirSync('/proc').filter((entry) => {
    try {
      return /^\d+$/.test(entry) && readlinkSync(`/proc/${entry}/cwd`).startsWith(clone);
    } catch {
      return false;
    }
  });
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function start() {
  console.log('\n$ npm start');
  const started = Date.now();
  const child = spawn('npm', ['start'], {
    cwd: clone,
    env: { ...env, FILA_PORT: String(await freePort()) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8');
  for await (const text of child.stdout) {
    process.stdout.write(text);
    said += text;
    if (said.includes('Ready.')) break;
    if (Date.now() - started > ANSWER_WITHIN_MS) throw new Error('npm start was not ready in time');
  }
  const [curl] = /^curl [\s\S]*?\n\n/m.exec(said);
  console.log(`$ ${curl}`);
  const answer = JSON.parse(execFileSync('sh', ['-c', curl], { encoding: 'utf8' }));
  console.log(answer);
  const took = Date.now() - started;
  if (answer.status !== 'completed') throw new Error('The printed curl was not answered.');
  if (took > ANSWER_WITHIN_MS) throw new Error(`The answer took ${took} ms.`);
  console.log(`Answered ${took} ms after npm start.`);

  const stopping = Date.now();
  child.kill('SIGTERM');
  await once(child, 'exit');
  while (leftOver().length > 0) {
    if (Date.now() - stopping > STOP_WITHIN_MS)
      throw new Error(
        `Still running: ${leftOver().map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  console.log(`SIGTERM ended it and its children after ${Date.now() - stopping} ms.`);
}

try {
  execFileSync('git', ['clone', '--quiet', '--no-hardlinks', '.', clone], { env, stdio: 'inherit' });
  console.log(
    `node ${execFileSync('node', ['-v'], { env, encoding: 'utf8' }).trim()}, npm ${execFileSync('npm', ['-v'], { env, encoding: 'utf8' }).trim()}`,
  );
  run('npm', ['ci']);
  await start();
  if (!process.argv.includes('--no-test')) run('npm', ['test']);
  console.log('\nA fresh clone works.');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
