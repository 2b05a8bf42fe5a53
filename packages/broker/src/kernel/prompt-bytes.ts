/** How much text a model is given to read, in bytes of UTF-8; images are not text. */
import type { CreateRequest } from './contract.generated.ts';

export type Readable = Pick<CreateRequest, 'prompt' | 'system' | 'tools'> & {
  readonly messages?: readonly NonNullable<CreateRequest['messages']>[number][];
  readonly input?: string | readonly string[];
};

export function promptBytesOf({ prompt, system, messages = [], tools, input = [] }: Readable): number {
  let bytes = bytesOf(prompt) + bytesOf(system) + bytesOf(tools && JSON.stringify(tools));
  for (const { content, thinking, tool_calls: calls } of messages)
    bytes += bytesOf(content) + bytesOf(thinking) + bytesOf(calls && JSON.stringify(calls));
  if (typeof input === 'string') return bytes + bytesOf(input);
  for (const text of input) bytes += bytesOf(text);
  return bytes;
}

function bytesOf(text: string | null | undefined): number {
  return text ? Buffer.byteLength(text) : 0;
}
