import { describe, expect, it } from 'vitest';
import { promptBytesOf } from './prompt-bytes.ts';

describe('what a model is given to read', () => {
  it('is a prompt with its system text, in bytes', () => {
    expect(promptBytesOf({ prompt: 'olá', system: 'be brief' })).toBe(4 + 8);
  });

  it('is a conversation with its thoughts, the tools and what was asked of them', () => {
    const call = { function: { name: 'weather', arguments: { city: 'Recife' } } };
    const messages = [
      { role: 'user' as const, content: 'Rain?' },
      { role: 'assistant' as const, content: '', thinking: 'hm', tool_calls: [call] },
    ];
    const tools = [{ type: 'function' as const, function: { name: 'weather' } }];
    const bytes = 5 + 2 + JSON.stringify([call]).length + JSON.stringify(tools).length;
    expect(promptBytesOf({ messages, tools })).toBe(bytes);
  });

  it('is all texts to embed', () => {
    expect(promptBytesOf({ input: 'one' })).toBe(3);
    expect(promptBytesOf({ input: ['one', 'olá'] })).toBe(7);
  });
});
