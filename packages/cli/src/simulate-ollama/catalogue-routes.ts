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

/** pull, copy and delete change the list of models; whatever would publish or build one is refused. */
export function manageModels(exchange: Exchange, simulation: Simulation): void {
  const { response, route } = exchange;
  const fields = readFields(exchange.body, NAMED_BODY);
  if (isRefusal(fields)) return sendRefusal(response, fields);
  const name = (fields.model ?? fields.name ?? fields.source ?? '') as string;
  if (route === '/api/push' || route === '/api/create')
    return sendRefusal(response, refuse(403, `${route} is not simulated`));
  if (name === '') return sendRefusal(response, refuse(400, 'invalid model name'));
  if (route === '/api/pull') return pull(exchange, simulation, name, fields.stream !== false);

  const model = simulation.catalogue.find(name);
  if (!model) return sendRefusal(response, notInstalled(route, name));
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

function pull({ response }: Exchange, { catalogue }: Simulation, name: string, isStreamed: boolean): void {
  if (!catalogue.find(name)) catalogue.add({ name });
  const model = catalogue.find(name)!;
  if (!isStreamed) return sendJson(response, 200, { status: 'success' });
  const layer = {
    status: `pulling ${model.digest.slice(0, 12)}`,
    digest: `sha256:${model.digest}`,
    total: model.sizeBytes,
  };
  const steps = [
    { status: 'pulling manifest' },
    layer,
    { ...layer, completed: Math.floor(model.sizeBytes / 2) },
    { ...layer, completed: model.sizeBytes },
    { status: 'verifying sha256 digest' },
    { status: 'writing manifest' },
    { status: 'success' },
  ];
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
