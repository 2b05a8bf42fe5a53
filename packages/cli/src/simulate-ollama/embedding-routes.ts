/** POST /api/embed and the older /api/embeddings. */
import { countTokens, promptHash, simulatedEmbedding } from './answers.ts';
import type { Call } from './call-log.ts';
import type { InstalledModel } from './catalogue.ts';
import { hang, sendFaulty } from './deliver-answer.ts';
import { INPUT_TOO_LONG, refusalOf, resolveModel } from './error-texts.ts';
import type { FaultName } from './faults.ts';
import type { Exchange, Refusal } from './http-answers.ts';
import { isRefusal, refuse, sendJson } from './http-answers.ts';
import { earlyFault } from './inference-routes.ts';
import { nanoseconds } from './metrics.ts';
import type { Body } from './request-fields.ts';
import { EMBED_BODY, EMBEDDINGS_BODY, optionComplaint, readFields, readKeepAlive } from './request-fields.ts';
import type { Finish } from './run-on-model.ts';
import { refuseCall, runOnModel } from './run-on-model.ts';
import { runnerSettings } from './runner-settings.ts';
import type { Simulation } from './simulation.ts';
import { sleepUntil } from './sleep.ts';

interface Asked {
  exchange: Exchange;
  call: Call;
  body: Body;
  arrivedMs: number;
}

interface Work extends Asked {
  model: InstalledModel;
  texts: string[];
  fault: FaultName | undefined;
  /** Tokens that one input may have. */
  most: number;
}

export async function answerEmbedding(simulation: Simulation, exchange: Exchange): Promise<void> {
  const arrivedMs = performance.now();
  const body = readFields(exchange.body, exchange.route === '/api/embed' ? EMBED_BODY : EMBEDDINGS_BODY);
  const isWrong = isRefusal(body);
  const call = simulation.calls.begin(exchange.route, isWrong ? exchange.body : body, exchange.body.length);
  const finish = isWrong
    ? refuseCall(exchange, body)
    : await answerBody(simulation, { exchange, call, body, arrivedMs });
  call.end(finish.outcome, finish.status);
}

async function answerBody(simulation: Simulation, asked: Asked): Promise<Finish> {
  const { exchange, call, body } = asked;
  const keepAlive = readKeepAlive(body.keep_alive);
  if (isRefusal(keepAlive)) return refuseCall(exchange, keepAlive);
  const texts = textsOf(exchange.route, body);
  if (isRefusal(texts)) return refuseCall(exchange, texts);
  call.asks(texts.map(promptHash));
  const fault = texts.length > 0 ? simulation.faults.choose(texts.join('\n')) : undefined;
  call.record.fault = fault;

  const modelName = (body.model as string | undefined) ?? '';
  const model = resolveModel(simulation, exchange.route, modelName);
  if (isRefusal(model)) return refuseCall(exchange, model);
  const options = (body.options as Body | undefined) ?? {};
  const wrongOption = optionComplaint(options);
  if (wrongOption) return refuseCall(exchange, wrongOption);
  const early = earlyFault(exchange, fault, modelName);
  if (early) return early;

  const settings = runnerSettings(options, undefined, model.contextLength);
  const work: Work = { ...asked, model, texts, fault, most: settings.numCtx };
  return runOnModel(simulation, {
    exchange,
    call,
    model,
    settings,
    keepAliveMs: keepAlive.keepAliveMs,
    loadOnly: texts.length > 0 ? undefined : () => sendNothing(work),
    work: (placedMs, slotMs) => embed(simulation, work, placedMs, slotMs),
  });
}

async function embed(
  { settings }: Simulation,
  work: Work,
  placedMs: number,
  slotMs: number,
): Promise<Finish> {
  const { exchange, body, model, texts, fault, most, arrivedMs } = work;
  const { response, signal, route } = exchange;
  const modelName = body.model as string;
  const isTooLong = body.truncate === false && texts.some((text) => countTokens(text) > most);
  const refusal = isTooLong ? INPUT_TOO_LONG : refusalOf(fault, route, modelName);
  if (refusal) return { ...refuseCall(exchange, refusal), outcome: 'failed' };
  if (fault === 'hang_headers' || fault === 'hang_mid_stream') return hang(signal);

  const inputMs = model.given.firstTokenMs ?? settings.firstTokenMs;
  const slowMs = fault === 'slow_tokens' ? settings.slowTokenMs : 0;
  if (inputMs + slowMs > 0) await sleepUntil(slotMs + (inputMs + slowMs) * texts.length);
  if (signal.aborted) return { outcome: 'cancelled' };

  const dimensions = (body.dimensions as number | undefined) || undefined;
  const embeddings = texts.map((text) => simulatedEmbedding(model.name, text, dimensions, settings.seed));
  const tokensRead = texts.reduce((sum, text) => sum + Math.min(countTokens(text), most), 0);
  const answer =
    route === '/api/embeddings'
      ? { embedding: embeddings[0] }
      : {
          model: modelName,
          embeddings,
          total_duration: nanoseconds(performance.now() - arrivedMs),
          load_duration: nanoseconds(placedMs - arrivedMs),
          ...(tokensRead > 0 && { prompt_eval_count: tokensRead }),
        };
  return { outcome: await sendFaulty(response, fault, JSON.stringify(answer)), status: 200 };
}

/** An empty call loads the model and nothing more. */
function sendNothing({ exchange, body }: Work): Finish {
  const answer =
    exchange.route === '/api/embeddings' ? { embedding: [] } : { model: body.model, embeddings: [] };
  sendJson(exchange.response, 200, answer);
  return { outcome: 'loaded', status: 200 };
}

function textsOf(route: string, body: Body): string[] | Refusal {
  const given = route === '/api/embeddings' ? body.prompt : body.input;
  if (given === undefined || given === '') return [];
  if (typeof given === 'string') return [given];
  if (Array.isArray(given) && given.every((text) => typeof text === 'string')) return given;
  return refuse(400, 'invalid input type');
}
