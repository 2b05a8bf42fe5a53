/** How requests are put in line: bands of priority, and the name of the active list a lane belongs to. */
import { createHash } from 'node:crypto';

/** The queue of requests that name none; it always exists. */
export const DEFAULT_QUEUE = 'default';

/** Priorities 0-9 make five bands, 4 first; within a lane the order is that of arrival. */
export function bandOf(priority: number): number {
  return Math.floor(priority / 2);
}

/** `llama3` and `llama3:latest` are one model, and must not stand in two lines. */
export function modelInFull(name: string): string {
  return name.includes(':', name.lastIndexOf('/') + 1) ? name : `${name}:latest`;
}

/** One list a (queue, band, model); the name is made of letters that any engine can store. */
export function listOf(lane: { queue: string; band: number; model: string }): string {
  const known = names.get(`${lane.band}\n${lane.queue}\n${lane.model}`);
  if (known) return known;
  const digest = createHash('sha256').update(`${lane.queue}\n${lane.model}`).digest('hex').slice(0, 24);
  const name = `b${lane.band}-${digest}`;
  if (names.size > 10_000) names.clear();
  names.set(`${lane.band}\n${lane.queue}\n${lane.model}`, name);
  return name;
}

const names = new Map<string, string>();
