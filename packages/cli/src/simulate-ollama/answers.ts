/** What the simulated models say: text that anyone who knows the prompt can foretell. */
import { hash } from 'node:crypto';
import { seededRandom } from './seeded-random.ts';

export interface ChatMessage {
  role: string;
  content: string;
}

export type PromptOrMessages = string | readonly ChatMessage[];

export const DEFAULT_SEED = 1;
export const DEFAULT_ANSWER_TOKENS = 32;
export const EMBEDDING_LENGTH = 768;

const ECHOED_WORDS = 6;
const FIRST_CHARACTERS = /^.{0,24}/su;
/** Words with one to four bytes a character, so that every answer tries its reader's UTF-8. */
const WORDS = (
  'a fila é uma boa ideia quando não há pressa porque cada pedido espera sua vez e ninguém fica ' +
  'sem resposta enquanto o modelo pensa 日本 🚀 então tudo segue em ordem até o fim'
).split(' ');
const THINKING_TOKENS = 6;
const VOCABULARY = 32_000;
const CONTEXT_STEP = 7_919;

/**
 * The answer of a simulated model: the first `maxTokens` tokens of a sequence that never ends and depends on the
 * model, the prompt and the simulation's seed alone. It starts with a hash of the three, then every `[[canary:…]]` of
 * the prompt, then an echo of the prompt's first words.
 * With `options.num_predict` below the simulation's `answerTokens`, pass that as `maxTokens`.
 */
export function simulatedAnswer(
  model: string,
  promptOrMessages: PromptOrMessages,
  maxTokens: number = DEFAULT_ANSWER_TOKENS,
  seed: number = DEFAULT_SEED,
): string {
  const id = answerId(model, promptHash(promptOrMessages), seed);
  return answerTokens(id, model, promptOrMessages, maxTokens).join('');
}

/** The same, in the pieces in which it is streamed. */
export function answerTokens(
  id: string,
  model: string,
  promptOrMessages: PromptOrMessages,
  maxTokens: number,
): string[] {
  const name = canonicalModelName(model);
  const tokens = [openingToken(id, promptOrMessages), ' simulação', ' de', ` ${name}:`];
  for (const word of firstWords(lastText(promptOrMessages))) tokens.push(` ${word}`);
  tokens.push('.');
  const random = seededRandom(Number.parseInt(id.slice(0, 8), 16));
  while (tokens.length < maxTokens) tokens.push(` ${WORDS[Math.floor(random() * WORDS.length)]!}`);
  return tokens.slice(0, maxTokens);
}

/** What a thinking model puts in `thinking`, in the pieces in which it is streamed. */
export function thinkingTokens(id: string): string[] {
  const random = seededRandom(Number.parseInt(id.slice(8, 16), 16));
  const tokens = [`Pensando em #${id}:`];
  while (tokens.length < THINKING_TOKENS) tokens.push(` ${WORDS[Math.floor(random() * WORDS.length)]!}`);
  return tokens;
}

/** How an answer opens: unique for every model, prompt and seed; it carries the prompt's canaries. */
export function openingToken(id: string, promptOrMessages: PromptOrMessages): string {
  const canaries = markersIn(wholeText(promptOrMessages), 'canary');
  return [`#${id}`, ...new Set(canaries)].join(' ');
}

/** What an answer hangs on: the model, the `promptHash` of what it was asked, and the simulation's seed. */
export function answerId(model: string, hashOfPrompt: string, seed: number): string {
  return shortHash(`${canonicalModelName(model)}\0${seed}\0${hashOfPrompt}`);
}

/** The key under which a simulation counts the calls of one prompt (embeddings: of one input). */
export function promptHash(promptOrMessages: PromptOrMessages): string {
  return shortHash(wholeText(promptOrMessages));
}

/** Everything the model reads. */
export function wholeText(promptOrMessages: PromptOrMessages): string {
  if (typeof promptOrMessages === 'string') return promptOrMessages;
  return promptOrMessages.map(({ role, content }) => `${role}\0${content}\0`).join('');
}

/** What was said last by the user; this is where `[[fault:…]]` counts, so that a fault does not haunt a conversation. */
export function lastText(promptOrMessages: PromptOrMessages): string {
  if (typeof promptOrMessages === 'string') return promptOrMessages;
  const asked = promptOrMessages.findLast(({ role }) => role === 'user') ?? promptOrMessages.at(-1);
  return asked?.content ?? '';
}

/** The values of `[[name:value]]` in a text, in order. */
export function markersIn(text: string, name: string): string[] {
  if (!text.includes('[[')) return [];
  return [...text.matchAll(/\[\[(\w+):([^\]]+)\]\]/g)]
    .filter((match) => match[1] === name)
    .map((match) => match[2]!);
}

/** About four characters a token, as real tokenizers do with plain English. */
export function countTokens(text: string): number {
  return text === '' ? 0 : Math.ceil(text.length / 4);
}

/** Token numbers as they stand in `context`; only their count means anything. */
export function contextNumbers(id: string, count: number): number[] {
  const numbers: number[] = [];
  let next = Number.parseInt(id.slice(0, 8), 16) % VOCABULARY;
  while (numbers.length < count) {
    numbers.push(next);
    next = (next + CONTEXT_STEP) % VOCABULARY;
  }
  return numbers;
}

/** A vector of length 1 that depends on the model, the text and the seed alone. */
export function simulatedEmbedding(
  model: string,
  text: string,
  dimensions: number = EMBEDDING_LENGTH,
  seed: number = DEFAULT_SEED,
): number[] {
  const random = seededRandom(Number.parseInt(answerId(model, promptHash(text), seed).slice(0, 8), 16));
  const raw = Array.from({ length: dimensions }, () => random() * 2 - 1);
  const length = Math.hypot(...raw);
  return raw.map((value) => Math.round((value / length) * 1e7) / 1e7);
}

/** `Llama3` and `llama3:latest` are one model. */
export function canonicalModelName(name: string): string {
  const lower = name.toLowerCase();
  return lower.slice(lower.lastIndexOf('/') + 1).includes(':') ? lower : `${lower}:latest`;
}

function firstWords(text: string): string[] {
  const plain = text.slice(0, 2_000).replace(/\[\[[^\]]*\]\]/g, ' ');
  const words = plain.split(/\s+/, ECHOED_WORDS + 1).filter((word) => word !== '');
  return words.slice(0, ECHOED_WORDS).map((word) => FIRST_CHARACTERS.exec(word)![0]);
}

function shortHash(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 16);
}
