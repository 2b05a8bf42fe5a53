/** What `fila dev` prints: where everything is, and three ways to send the first request. */
import type { CliContext } from '../cli-context.ts';
import { oneLine } from '../output/plain-text.ts';
import { findDataDir, programName } from '../profile.ts';
import type { DevOllama } from './dev.ts';

export interface DevFacts {
  readonly url: string;
  readonly key: string;
  readonly ollama: DevOllama;
  readonly dataDir: string;
}

const RULE_WIDTH = 78;

/** Frames have no sides, so that what is inside can be pasted. */
export function devText({ url, key, ollama, dataDir }: DevFacts, { host, out }: CliContext): string {
  const { paint } = out;
  const fila = programName(host.env);
  // The other terminal finds the daemon through its data folder, and may not have our environment.
  const elsewhere = dataDir === findDataDir({}) ? '' : `FILA_DATA_DIR=${shellWord(dataDir)} `;
  const title = (words: string): string =>
    `${paint('dim', '──')} ${paint('strong', words)} ${paint('dim', '─'.repeat(Math.max(2, RULE_WIDTH - words.length - 4)))}`;
  const fact = (label: string, value: string): string => `  ${paint('dim', label.padEnd(10))}${value}`;
  const model = oneLine(ollama.model) + (ollama.remark ? paint('warn', `  (${oneLine(ollama.remark)})`) : '');
  return [
    title('Fila dev'),
    fact('API', url),
    fact('Key', key),
    fact('Model', model),
    fact('Ollama', ollama.isSimulated ? simulatedText(ollama, paint) : ollama.url),
    fact('Data', `${oneLine(dataDir)}  (kept for the next start)`),
    '',
    title('curl'),
    curlText(url, key),
    '',
    title('TypeScript'),
    sdkText(url, key),
    '',
    title('This terminal, or another'),
    `${elsewhere}${fila} requests send "Why is the sky blue?" --wait`,
    '',
    paint('dim', '─'.repeat(RULE_WIDTH)),
    'Ready. Ctrl-C stops everything.',
  ].join('\n');
}

function simulatedText(ollama: DevOllama, paint: CliContext['out']['paint']): string {
  return paint(
    'warn',
    `no Ollama at ${oneLine(ollama.askedUrl)}: using a SIMULATED one; its answers are made up`,
  );
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${oneLine(text).replaceAll("'", "'\\''")}'`;
}

function curlText(url: string, key: string): string {
  return [
    `curl -s ${url}/api/v1/requests \\`,
    `  -H 'Authorization: Bearer ${key}' \\`,
    "  -H 'Content-Type: application/json' \\",
    "  -H 'Prefer: wait=30' \\",
    `  -d '{"prompt": "Why is the sky blue?"}'`,
  ].join('\n');
}

function sdkText(url: string, key: string): string {
  return [
    "import { Fila } from '@fila/sdk';",
    `const fila = new Fila({ url: '${url}', apiKey: '${key}' });`,
    "const request = await fila.requests.createAndWait({ prompt: 'Why is the sky blue?' });",
    'console.log(request.result?.text);',
  ].join('\n');
}
