/** POST /api/generate and /api/chat: from the body to the last line. */
import type { ChatMessage, PromptOrMessages } from './answers.ts';
import { answerId, contextNumbers, countTokens, lastText, promptHash, wholeText } from './answers.ts';
import type { Call } from './call-log.ts';
import type { InstalledModel } from './catalogue.ts';
import { deliverAnswer, hang } from './deliver-answer.ts';
import { PROMPT_TOO_LONG, refusalOf, resolveModel } from './error-texts.ts';
import type { FaultName } from './faults.ts';
import { answerInstead, negated } from './garbage.ts';
import type { Wishes } from './generation.ts';
import { generate, lineWriter } from './generation.ts';
import type { Exchange, Refusal } from './http-answers.ts';
import { isRefusal, refuse, sendBody } from './http-answers.ts';
import { metricsOf, type Metrics } from './metrics.ts';
import type { Body } from './request-fields.ts';
import { CHAT_BODY, GENERATE_BODY, optionComplaint, readFields, readKeepAlive } from './request-fields.ts';
import type { Finish } from './run-on-model.ts';
import { refuseCall, runOnModel } from './run-on-model.ts';
import type { RunnerSettings } from './runner-settings.ts';
import { runnerSettings } from './runner-settings.ts';
import type { Settings } from './settings.ts';
import type { Simulation } from './simulation.ts';
import { sleepUntil } from './sleep.ts';

/** num_predict can be at most this many contexts. */
const MAX_CONTEXTS_PREDICTED = 10;

/** A call that has passed every check that needs no model in memory. */
interface Asked {
  exchange: Exchange;
  call: Call;
  body: Body;
  model: InstalledModel;
  /** As the caller wrote it; the answer says it back. */
  modelName: string;
  prompt: PromptOrMessages;
  hashOfPrompt: string;
  settings: RunnerSettings;
  fault: FaultName | undefined;
  arrivedMs: number;
}

export async function answerInference(simulation: Simulation, exchange: Exchange): Promise<void> {
  const arrivedMs = performance.now();
  const shape = exchange.route === '/api/chat' ? CHAT_BODY : GENERATE_BODY;
  const body = readFields(exchange.body, shape);
  const isWrong = isRefusal(body);
  const call = simulation.calls.begin(exchange.route, isWrong ? exchange.body : body, exchange.body.length);
  const finish = isWrong
    ? refuseCall(exchange, body)
    : await answerBody(simulation, { exchange, call, body, arrivedMs });
  call.end(finish.outcome, finish.status);
}

async function answerBody(
  simulation: Simulation,
  given: Pick<Asked, 'exchange' | 'call' | 'body' | 'arrivedMs'>,
): Promise<Finish> {
  const { exchange, call, body } = given;
  const prompt = promptOf(body, exchange.route);
  const isEmpty = prompt.length === 0;
  const hashOfPrompt = promptHash(prompt);
  if (!isEmpty) call.asks([hashOfPrompt]);
  const fault = isEmpty ? undefined : simulation.faults.choose(lastText(prompt));
  call.record.fault = fault;

  const keepAlive = readKeepAlive(body.keep_alive);
  if (isRefusal(keepAlive)) return refuseCall(exchange, keepAlive);
  const modelName = (body.model as string | undefined) ?? '';
  const model = resolveModel(simulation, exchange.route, modelName);
  if (isRefusal(model)) return refuseCall(exchange, model);
  if (isEmpty && keepAlive.keepAliveMs === 0) {
    simulation.scheduler.unload(model.name);
    return sendEmpty(exchange, modelName, 'unload');
  }
  const complaint = complaintOf(body, model, exchange.route);
  if (complaint) return refuseCall(exchange, complaint);
  const early = earlyFault(exchange, fault, modelName);
  if (early) return early;

  const settings = runnerSettings(optionsOf(body), body.shift as boolean | undefined, model.contextLength);
  const asked: Asked = { ...given, model, modelName, prompt, hashOfPrompt, settings, fault };
  return runOnModel(simulation, {
    exchange,
    call,
    model,
    settings,
    keepAliveMs: keepAlive.keepAliveMs,
    loadOnly: isEmpty ? () => sendEmpty(exchange, modelName, 'load') : undefined,
    work: (placedMs, slotMs) => answerOnModel(simulation, asked, placedMs, slotMs),
  });
}

/** A fault that shows before the model is asked for. */
export function earlyFault(
  exchange: Exchange,
  fault: FaultName | undefined,
  model: string,
): Finish | undefined {
  const instead = answerInstead(exchange, fault);
  if (instead) return instead;
  if (fault !== 'error_404' && fault !== 'error_503') return undefined;
  return refuseCall(exchange, refusalOf(fault, exchange.route, model)!);
}

async function answerOnModel(
  { settings, hold }: Simulation,
  asked: Asked,
  placedMs: number,
  slotMs: number,
): Promise<Finish> {
  const { exchange, model, fault, body } = asked;
  const tokensRead = promptTokens(asked);
  if (isRefusal(tokensRead)) return { ...refuseCall(exchange, tokensRead), outcome: 'failed' };
  const refusal = refusalOf(fault, exchange.route, asked.modelName);
  if (refusal) return { ...refuseCall(exchange, refusal), outcome: 'failed' };
  if (fault === 'hang_headers') return hang(exchange.signal);

  const promptMs = model.given.firstTokenMs ?? settings.firstTokenMs;
  if (promptMs > 0) await sleepUntil(slotMs + promptMs);
  await hold.pass(exchange.signal);
  const firstTokenMs = performance.now();
  const id = answerId(model.name, asked.hashOfPrompt, settings.seed);
  const generation = generate(wishesOf(asked, id), settings, fault);
  const tokensSaid = generation.thinking.length + generation.tokens.length + generation.toolCalls.length;
  const isContextWanted = exchange.route === '/api/generate' && body.raw !== true;
  return deliverAnswer({
    exchange,
    isStreamed: body.stream !== false,
    generation,
    fault,
    tokenMs: paceOf(model, settings, fault),
    line: lineWriter(exchange.route, asked.modelName, model.remoteHost),
    end: () => ({
      doneReason: generation.doneReason,
      context: isContextWanted ? contextNumbers(id, tokensRead + tokensSaid) : undefined,
      metrics: (fault === 'negative_counters' ? negated : unchanged)(
        metricsOf({ arrivedMs: asked.arrivedMs, placedMs, slotMs, firstTokenMs }, tokensRead, tokensSaid),
      ),
    }),
  });
}

const unchanged = (metrics: Metrics): Metrics => metrics;

function paceOf(model: InstalledModel, settings: Settings, fault: FaultName | undefined): number {
  if (fault === 'slow_tokens') return settings.slowTokenMs;
  const perSecond = model.given.tokensPerSecond ?? settings.tokensPerSecond;
  return perSecond > 0 ? 1_000 / perSecond : 0;
}

function wishesOf({ model, body, prompt, settings }: Asked, id: string): Wishes {
  const { num_predict: predict = -1, stop = [] } = optionsOf(body) as {
    num_predict?: number;
    stop?: string[];
  };
  const limit = MAX_CONTEXTS_PREDICTED * settings.numCtx;
  return {
    id,
    model: model.name,
    prompt,
    thinks: model.thinking && body.think !== false,
    format: formatOf(body),
    maxTokens: predict < 0 ? limit : Math.min(Math.trunc(predict), limit),
    stop,
    tools: (body.tools as Wishes['tools'] | undefined) ?? [],
  };
}

/** How much of the prompt the model reads; a prompt over the context is cut unless the caller forbids it. */
function promptTokens({ body, prompt, settings }: Asked): number | Refusal {
  const before = Array.isArray(body.context) ? body.context.length : 0;
  const system = typeof body.system === 'string' ? countTokens(body.system) : 0;
  const count = before + system + countTokens(wholeText(prompt));
  const most = settings.numCtx - 1;
  if (count <= most) return count;
  return body.truncate === false || !settings.shift ? PROMPT_TOO_LONG : most;
}

function promptOf(body: Body, route: string): PromptOrMessages {
  if (route !== '/api/chat') return (body.prompt as string | undefined) ?? '';
  const messages = (body.messages as Partial<ChatMessage>[] | undefined) ?? [];
  return messages.map(({ role = '', content }) => ({ role: role.toLowerCase(), content: content ?? '' }));
}

function optionsOf(body: Body): Body {
  return (body.options as Body | undefined) ?? {};
}

function formatOf({ format }: Body): Wishes['format'] {
  return format === undefined || format === '' ? undefined : (format as Wishes['format']);
}

/** What is wrong with a call to a model that exists, in Ollama's order. */
function complaintOf(body: Body, model: InstalledModel, route: string): Refusal | undefined {
  const name = JSON.stringify(body.model);
  const topLogprobs = (body.top_logprobs as number | undefined) ?? 0;
  if (topLogprobs < 0 || topLogprobs > 20) return refuse(400, 'top_logprobs must be between 0 and 20');
  const hasContext = Array.isArray(body.context) && body.context.length > 0;
  if (body.raw === true && (body.template || body.system || hasContext))
    return refuse(400, 'raw mode does not support template, system, or context');
  if (!model.thinking && body.think !== undefined && body.think !== false)
    return refuse(400, `${name} does not support thinking`);
  if (model.embedding) return refuse(400, `${name} does not support ${route.slice('/api/'.length)}`);
  if (body.suffix) return refuse(400, `${model.name} does not support insert`);
  const wrongOption = optionComplaint(optionsOf(body));
  if (wrongOption) return wrongOption;
  const format = formatOf(body);
  if (format === undefined || format === 'json' || (typeof format === 'object' && !Array.isArray(format)))
    return undefined;
  const shown = JSON.stringify(JSON.stringify(format));
  return refuse(500, `invalid format: ${shown}; expected "json" or a valid JSON Schema object`);
}

function sendEmpty({ response, route }: Exchange, model: string, reason: 'load' | 'unload'): Finish {
  const line = lineWriter(route, model, undefined);
  sendBody(
    response,
    200,
    'application/json; charset=utf-8',
    line('', '', { doneReason: reason, metrics: {} }),
  );
  return { outcome: reason === 'load' ? 'loaded' : 'unloaded', status: 200 };
}
