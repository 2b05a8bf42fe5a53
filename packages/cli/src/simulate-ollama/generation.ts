/** What a model says to one call, and the line in which each piece of it travels. */
import type { PromptOrMessages } from './answers.ts';
import { answerTokens, thinkingTokens } from './answers.ts';
import type { FaultName } from './faults.ts';
import type { Metrics } from './metrics.ts';
import type { Settings } from './settings.ts';
import { jsonAnswer, jsonTokens } from './shaped-answers.ts';

export interface Generation {
  thinking: string[];
  tokens: string[];
  /** Instead of tokens. */
  toolCalls: readonly ToolCall[];
  doneReason: 'stop' | 'length';
}

export interface ToolCall {
  id: string;
  function: { index: number; name: string; arguments: unknown };
}

export interface Tool {
  function: { name: string; parameters?: Record<string, unknown> };
}

export interface Wishes {
  /** `answerId` of the call. */
  id: string;
  model: string;
  prompt: PromptOrMessages;
  thinks: boolean;
  format: 'json' | Record<string, unknown> | undefined;
  /** num_predict; Infinity when the model may go on until it is done. */
  maxTokens: number;
  stop: readonly string[];
  /** The first is asked for, unless a tool has spoken last. */
  tools: readonly Tool[];
}

const MEBIBYTE = 1024 * 1024;

/** Thinking counts against `maxTokens`, as it does for a real model: it can leave nothing for the answer. */
export function generate(wishes: Wishes, settings: Settings, fault: FaultName | undefined): Generation {
  const { id, maxTokens } = wishes;
  if (fault === 'too_large')
    return { thinking: [], tokens: hugeTokens(settings), toolCalls: [], doneReason: 'stop' };
  const isSilent = fault === 'empty_content_with_thinking';
  const thinking = wishes.thinks || isSilent ? thinkingTokens(id) : [];
  const toolCalls = isSilent ? [] : toolCallsOf(wishes);
  if (toolCalls.length > 0) return { thinking, tokens: [], toolCalls, doneReason: 'stop' };
  const tokens = isSilent ? [] : untilStop(plainOrShaped(wishes, settings), wishes.stop);
  return {
    thinking: thinking.slice(0, maxTokens),
    toolCalls,
    tokens: tokens.slice(0, Math.max(0, maxTokens - thinking.length)),
    doneReason: thinking.length + tokens.length > maxTokens ? 'length' : 'stop',
  };
}

function toolCallsOf({ id, prompt, tools }: Wishes): ToolCall[] {
  const [tool] = tools;
  if (!tool || typeof prompt === 'string' || prompt.at(-1)?.role === 'tool') return [];
  const { name, parameters = {} } = tool.function;
  const shape = { type: 'object', ...parameters };
  const given: unknown = JSON.parse(jsonAnswer(id, prompt, shape));
  return [{ id: `call_${id.slice(0, 8)}`, function: { index: 0, name, arguments: given } }];
}

function plainOrShaped({ id, model, prompt, format }: Wishes, settings: Settings): string[] {
  if (format === undefined) return answerTokens(id, model, prompt, settings.answerTokens);
  return jsonTokens(jsonAnswer(id, prompt, format));
}

function untilStop(tokens: string[], stop: readonly string[]): string[] {
  const text = stop.length > 0 ? tokens.join('') : '';
  const ends = stop.map((word) => (word === '' ? -1 : text.indexOf(word))).filter((at) => at >= 0);
  if (ends.length === 0) return tokens;
  let left = Math.min(...ends);
  const kept: string[] = [];
  for (const token of tokens) {
    if (left <= 0) break;
    kept.push(token.slice(0, left));
    left -= token.length;
  }
  return kept;
}

function hugeTokens({ tooLargeBytes }: Settings): string[] {
  const pieces = Math.ceil(tooLargeBytes / MEBIBYTE);
  return Array.from({ length: pieces }, (_, index) =>
    'x'.repeat(Math.min(MEBIBYTE, tooLargeBytes - index * MEBIBYTE)),
  );
}

export interface AnswerEnd {
  doneReason: string;
  /** Token numbers of prompt and answer; generate only. */
  context?: number[] | undefined;
  metrics: Metrics;
}

/** One JSON object of an answer, without a line end; without `end` it says done:false. */
export type WriteLine = (
  content: string,
  thinking: string,
  end?: AnswerEnd,
  toolCalls?: readonly ToolCall[],
) => string;

/** Written by hand, field by field in Ollama's order: a fast server writes tens of these for one call. */
export function lineWriter(route: string, model: string, remoteHost: string | undefined): WriteLine {
  const remote =
    remoteHost === undefined ? '' : `,"remote_model":${quote(model)},"remote_host":${quote(remoteHost)}`;
  const head = `{"model":${quote(model)}${remote},"created_at":"`;
  const isChat = route === '/api/chat';
  return (content, thinking, end, toolCalls = []) => {
    const calls = toolCalls.length === 0 ? '' : `,"tool_calls":${JSON.stringify(toolCalls)}`;
    const text = quote(content) + (thinking === '' ? '' : `,"thinking":${quote(thinking)}`) + calls;
    const said = isChat ? `"message":{"role":"assistant","content":${text}}` : `"response":${text}`;
    return `${head}${instantNow()}",${said},${end ? ending(end) : '"done":false}'}`;
  };
}

let shownMs = NaN;
let shown = '';

/** Now in ISO 8601, put into words once a millisecond. */
function instantNow(): string {
  const nowMs = Date.now();
  if (nowMs !== shownMs) {
    shownMs = nowMs;
    shown = new Date(nowMs).toISOString();
  }
  return shown;
}

function ending({ doneReason, context, metrics }: AnswerEnd): string {
  const shown = context && context.length > 0 ? context : undefined;
  return JSON.stringify({ done: true, done_reason: doneReason, context: shown, ...metrics }).slice(1);
}

function quote(text: string): string {
  return JSON.stringify(text);
}
