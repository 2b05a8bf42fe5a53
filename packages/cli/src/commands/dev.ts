/** `fila dev`: the daemon, a key and an Ollama in one process, and everything to paste for the first request. */
import type { LoadedSettings, RunningBroker, Settings } from '@fila/broker';
import type { CliContext } from '../cli-context.ts';
import { readSettings, type SettingFlags } from '../read-settings.ts';
import { answersLikeOllama, chooseModel } from './choose-ollama.ts';
import { devKey } from './dev-key.ts';
import { devText } from './dev-text.ts';
import { runUntilStopped, type Running } from './run-until-stopped.ts';
import { startDaemon } from './start-daemon.ts';

/** Pleasant to watch: an answer begins at once and is written at the pace of a good machine. */
const PACE = { slots: 4, tokensPerSecond: 60, firstTokenMs: 150, loadMs: 0 };

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

export interface DevOllama {
  readonly url: string;
  readonly isSimulated: boolean;
  /** The server that was asked first. */
  readonly askedUrl: string;
  readonly model: string;
  readonly remark?: string;
}

interface RunningDev extends Running {
  readonly broker: RunningBroker;
  readonly ollama: DevOllama;
  readonly key: string;
}

export async function dev(context: CliContext, flags: SettingFlags): Promise<void> {
  const loaded = await readSettings(context, flags);
  await runUntilStopped(context.host, {
    start: () => startAll(loaded),
    onStarted: ({ broker, ollama, key }) =>
      context.out.print(devText({ url: broker.url, key, ollama, dataDir: loaded.settings.dataDir }, context)),
    onStopping: () => context.out.notice('Stopping. Ctrl-C again ends it at once.'),
  });
}

/** Started in the order of need and stopped in reverse, also when a later part does not start. */
async function startAll(loaded: LoadedSettings): Promise<RunningDev> {
  const started: Running[] = [];
  const stop = async (): Promise<void> => {
    for (let part = started.pop(); part; part = started.pop()) await part.stop();
  };
  try {
    const found = await findOllama(loaded.settings);
    if (found.simulated) started.push(found.simulated);
    const broker = await startDaemon({ ...loaded, settings: settingsFor(loaded, found.ollama) }, 'dev');
    started.push(broker);
    const { failed } = broker;
    return { broker, failed, ollama: found.ollama, key: await devKey(broker, loaded.settings.dataDir), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function findOllama(settings: Settings): Promise<{ ollama: DevOllama; simulated?: Running }> {
  const askedUrl = settings.ollamaUrls[0]!.url;
  const wanted = settings.defaultModel;
  if (await answersLikeOllama(askedUrl))
    return {
      ollama: { url: askedUrl, askedUrl, isSimulated: false, ...(await chooseModel(askedUrl, wanted)) },
    };
  const { DEFAULT_MODELS, startSimulatedOllama } = await import('../simulate-ollama/simulate-ollama.ts');
  const models = [{ name: wanted }, ...DEFAULT_MODELS.filter(({ name }) => name !== wanted)];
  const simulated = await startSimulatedOllama({ port: 0, models, ...PACE });
  return { ollama: { url: simulated.url, askedUrl, isSimulated: true, model: wanted }, simulated };
}

/** Unless told otherwise quieter than `serve`, so that what is printed stays in sight, and webhooks may stay at home. */
export function settingsFor({ settings, origins }: LoadedSettings, ollama: DevOllama): Settings {
  return {
    ...settings,
    defaultModel: ollama.model,
    logLevel: origins.logLevel === 'default' ? 'warn' : settings.logLevel,
    webhookAllowCidrs: origins.webhookAllowCidrs === 'default' ? LOOPBACK : settings.webhookAllowCidrs,
    ...(ollama.isSimulated ? { ollamaUrls: [{ url: ollama.url, slots: PACE.slots }] } : {}),
  };
}
