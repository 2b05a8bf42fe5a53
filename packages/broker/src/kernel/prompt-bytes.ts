/** How much text a model is given to read, in bytes of UTF-8; images are not text. */
import type { CreateRequest } from './contract.generated.ts';

export type Readable = Pick<CreateRequest, 'prompt' | 'system' | 'tools'> & {
  readonly messages?: readonly NonNullable<CreateRequest['messages']>[number][];
  readonly input?: string | readonly string[];
};

export function promptBytesOf({ prompt, system, messages = [], tools, input = [] }: Readable): number {
  const said = messages.flatMap(({ content, thinking, tool_calls: calls }) => [
    ...[content, thinking],
    calls && JSON.stringify(calls),
  ]);
  const texts = [prompt, system, tools && JSON.stringify(tools), ...said, ...[input].flat()];
  return texts.reduce((sum, text) => sum + (text ? Buffer.byteLength(text) : 0), 0);
}
