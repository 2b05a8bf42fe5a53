/** The routes about models rather than to them: version, status, tags, ps, show, and managing what is installed. */
import type { InstalledModel } from './catalogue.ts';
import { modelInfo } from './catalogue.ts';
import { resolveModel } from './error-texts.ts';
import type { Exchange, Refusal } from './http-answers.ts';
import { isRefusal, NDJSON_TYPE, refuse, sendJson, sendRefusal, sendText } from './http-answers.ts';
import { NAMED_BODY, readFields } from './request-fields.ts';
import type { Simulation } from './simulation.ts';

/** What /api/version says: new enough for every route here, and no real release. */
export const SIMULATED_VERSION = '0.30.0-simulated';

/** Go's longest duration: what "for ever" becomes in expires_at. */
const FOR_EVER_MS = 9_223_372_036_854;

export function sendRunning({ response }: Exchange): void {
  sendText(response, 200, 'Ollama is running');
}

export function sendVersion({ response }: Exchange): void {
  sendJson(response, 200, { version: SIMULATED_VERSION });
}

export function sendStatus({ response }: Exchange, { settings }: Simulation): void {
  const disabled = settings.cloudDisabled;
  sendJson(response, 200, { cloud: { disabled, source: disabled ? 'env' : 'none' } });
}

export function sendTags({ response }: Exchange, { catalogue }: Simulation): void {
  const models = catalogue.list().map((model) => ({
    name: model.name,
    model: model.name,
    ...remoteOf(model),
    modified_at: model.modifiedAt,
    size: model.sizeBytes,
    digest: model.digest,
    details: { ...model.details, context_length: model.contextLength },
    capabilities: model.capabilities,
  }));
  sendJson(response, 200, { models });
}

/** Only what is loaded: a model that is being loaded shows nowhere. */
export function sendPs({ response }: Exchange, { scheduler }: Simulation): void {
  const models = scheduler.loaded().map(({ model, settings, keepAliveMs, expiresAtMs }) => ({
    name: model.name,
    model: model.name,
    size: model.sizeBytes,
    digest: model.digest,
    details: model.details,
    expires_at: instant(expiresAtMs === 0 ? Date.now() + keepAliveMs : expiresAtMs),
    size_vram: model.sizeVramBytes,
    context_length: settings.numCtx,
  }));
  models.sort((one, other) => (one.expires_at < other.expires_at ? 1 : -1));
  sendJson(response, 200, { models });
}

export function sendShow({ response, body, route }: Exchange, simulation: Simulation): void {
  const fields = readFields(body, NAMED_BODY);
  if (isRefusal(fields)) return sendRefusal(response, fields);
  const name = (fields.model ?? fields.name ?? '') as string;
  if (name === '') return sendRefusal(response, refuse(400, 'model is required'));
  const model = resolveModel(simulation, route, name);
  if (isRefusal(model)) return sendRefusal(response, model);
  sendJson(response, 200, {
    license: 'This model is simulated.',
    modelfile: `# Modelfile of a simulated model\nFROM ${model.name}\n`,
    parameters: 'stop                           "<|end|>"',
    template: '{{ .Prompt }}',
    details: model.details,
    ...remoteOf(model),
    model_info: modelInfo(model),
    capabilities: model.capabilities,
    modified_at: model.modifiedAt,
  });
}

/** They change the list of models and nothing else: no layer is fetched, made or published. */
export function manageModels(exchange: Exchange, simulation: Simulation): void {
  const { response, route } = exchange;
  const fields = readFields(exchange.body, NAMED_BODY);
  if (isRefusal(fields)) return sendRefusal(response, fields);
  const name = (fields.model ?? fields.name ?? fields.source ?? '') as string;
  if (name === '') return sendRefusal(response, refuse(400, 'invalid model name'));
  const steps = { stream: fields.stream !== false };
  if (route === '/api/pull') return pull(exchange, simulation, { ...steps, name });
  if (route === '/api/create')
    return create(exchange, simulation, { ...steps, name, from: fields.from as string });

  const model = simulation.catalogue.find(name);
  if (!model) return sendRefusal(response, notInstalled(route, name));
  if (route === '/api/push') return sendSteps(exchange, [...pushing(model), ...SUCCESS], steps.stream);
  if (route === '/api/copy') {
    const destination = (fields.destination ?? '') as string;
    if (destination === '') return sendRefusal(response, refuse(400, 'destination "" is invalid'));
    simulation.catalogue.add({ ...model.given, name: destination });
  } else {
    simulation.catalogue.remove(name);
    simulation.scheduler.unload(model.name);
  }
  response.writeHead(200, { 'content-length': 0 }).end();
}

interface Steps {
  name: string;
  stream: boolean;
}

/** A name in which `none` is a part is one that no registry has. */
function pull(exchange: Exchange, { catalogue }: Simulation, { name, stream }: Steps): void {
  if (/(?:^|\/)none(?:$|[:/])/.test(name))
    return sendSteps(
      exchange,
      [{ status: 'pulling manifest' }, { error: 'pull model manifest: file does not exist' }],
      stream,
    );
  if (!catalogue.find(name)) catalogue.add({ name });
  const { digest, sizeBytes: total } = catalogue.find(name)!;
  const layer = { status: `pulling ${digest.slice(0, 12)}`, digest: `sha256:${digest}`, total };
  sendSteps(
    exchange,
    [
      { status: 'pulling manifest' },
      layer,
      { ...layer, completed: Math.floor(total / 2) },
      { ...layer, completed: total },
      { status: 'verifying sha256 digest' },
      { status: 'writing manifest' },
      ...SUCCESS,
    ],
    stream,
  );
}

/** Of a model that is there; without one, of blobs. */
function create(exchange: Exchange, { catalogue }: Simulation, made: Steps & { from?: string }): void {
  const { name, from = '', stream } = made;
  const model = from === '' ? undefined : catalogue.find(from);
  if (from !== '' && !model) return sendRefusal(exchange.response, notInstalled('/api/create', from));
  catalogue.add({ ...model?.given, name });
  const { digest } = catalogue.find(name)!;
  const steps = [{ status: `using existing layer sha256:${digest}` }, { status: 'writing manifest' }];
  sendSteps(exchange, [...steps, ...SUCCESS], stream);
}

function pushing({ digest, sizeBytes: total }: InstalledModel): object[] {
  const layer = { status: `pushing ${digest.slice(0, 12)}`, digest: `sha256:${digest}`, total };
  return [{ status: 'retrieving manifest' }, { ...layer, completed: total }, { status: 'pushing manifest' }];
}

const SUCCESS = [{ status: 'success' }];

/** Line by line, or the last of them alone. */
function sendSteps({ response }: Exchange, steps: readonly object[], isStreamed: boolean): void {
  if (!isStreamed) {
    const last = steps.at(-1)!;
    return sendJson(response, 'error' in last ? 500 : 200, last);
  }
  response.writeHead(200, { 'content-type': NDJSON_TYPE, 'transfer-encoding': 'chunked' });
  response.end(steps.map((step) => `${JSON.stringify(step)}\n`).join(''));
}

function notInstalled(route: string, name: string): Refusal {
  const quoted = route === '/api/copy' ? JSON.stringify(name) : `'${name}'`;
  return refuse(404, `model ${quoted} not found`);
}

function remoteOf(model: InstalledModel): Record<string, string> {
  return model.remoteHost === undefined ? {} : { remote_model: model.name, remote_host: model.remoteHost };
}

function instant(ms: number): string {
  return new Date(Math.min(ms, Date.now() + FOR_EVER_MS)).toISOString();
}
