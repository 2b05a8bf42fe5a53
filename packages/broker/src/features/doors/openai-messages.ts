/** Conversations as OpenAI writes them: texts and images as parts, and what is asked of tools as JSON in a text. */
import type { CreateRequest, Request, ToolCall } from '../../kernel/contract.generated.ts';
import {
  given,
  listIn,
  objectField,
  objectIn,
  onlySet,
  refuseFields,
  textField,
  wrongField,
} from './door-fields.ts';
import type { Body } from './door-fields.ts';

export function messagesOf(body: Body): CreateRequest['messages'] {
  const toolNames = new Map<unknown, string>();
  return listIn(body, 'messages').map((one) => {
    const message = objectIn(one, 'messages');
    refuseFields(message, ['function_call', 'audio']);
    const role = message['role'] === 'developer' ? 'system' : message['role'];
    const toolCalls = listIn(message, 'tool_calls').map(toolCallOf);
    for (const call of toolCalls) toolNames.set(call.id, call.function.name);
    const answered = given<string>(message, 'tool_call_id');
    return onlySet({
      ...{ role, ...contentOf(given(message, 'content')) },
      tool_calls: toolCalls.length > 0 ? toolCalls : undefined,
      ...{ tool_call_id: answered, tool_name: toolNames.get(answered) },
    });
  }) as CreateRequest['messages'];
}

/** A tool that has to be called, or one of several, is nothing that Ollama could be told. */
export function toolsOf(body: Body): CreateRequest['tools'] {
  const choice = given<unknown>(body, 'tool_choice') ?? 'auto';
  if (choice !== 'auto' && choice !== 'none') throw wrongField('tool_choice', 'must be auto or none');
  const tools = listIn(body, 'tools').map((one) => {
    const tool = objectIn(one, 'tools');
    const { strict: _, ...asked } = objectField(tool, 'function');
    return { type: tool['type'], function: onlySet(asked) };
  });
  return tools.length === 0 || choice === 'none' ? undefined : (tools as unknown as CreateRequest['tools']);
}

/** What the model asks of its tools; undefined when it asks nothing. */
export function askedOfTools({ id: requestId, result }: Request) {
  return result?.tool_calls?.map(({ id, function: { name, arguments: given } }, index) => ({
    id: id ?? `call_${requestId}_${index}`,
    type: 'function',
    function: { name, arguments: JSON.stringify(given) },
  }));
}

function toolCallOf(one: unknown): ToolCall {
  const call = objectIn(one, 'messages');
  const { name, arguments: text } = objectField(call, 'function');
  return { id: call['id'], function: { name, arguments: parsed(text) } } as ToolCall;
}

function parsed(text: unknown): unknown {
  if (text === undefined || text === '') return {};
  try {
    return JSON.parse(String(text));
  } catch {
    throw wrongField('messages', 'holds arguments of a tool that are not JSON');
  }
}

/** Parts of text are one text; images come within the body. */
function contentOf(content: unknown): { content: unknown; images?: string[] } {
  if (!Array.isArray(content)) return { content: content ?? '' };
  const images: string[] = [];
  const texts = content.map((one: unknown) => {
    const part = objectIn(one, 'messages');
    if (part['type'] === 'text') return textField(part, 'text') ?? '';
    if (part['type'] === 'image_url') images.push(imageOf(part['image_url']));
    else throw wrongField('messages', `holds a part of type ${String(part['type'])}, which is not supported`);
    return '';
  });
  return { content: texts.join(''), ...(images.length > 0 ? { images } : {}) };
}

/** Nothing is fetched from elsewhere on a caller's behalf. */
function imageOf(given: unknown): string {
  const url = typeof given === 'string' ? given : textField(objectIn(given, 'messages'), 'url');
  const [, base64] = /^data:image\/[\w.+-]{1,40};base64,([\s\S]+)$/.exec(url ?? '') ?? [];
  if (base64 !== undefined) return base64;
  throw wrongField('messages', 'holds an image that is no data: URL in base64');
}
