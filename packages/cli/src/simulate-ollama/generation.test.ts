/** The lines of an answer, down to the byte. */
import { afterEach, expect, it, vi } from 'vitest';
import { lineWriter } from './generation.ts';

afterEach(() => void vi.useRealTimers());

function atNoon(): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 0, 31, 12) });
}

it('writes the fields in the order of Ollama, and nothing that is empty', () => {
  atNoon();
  const at = '"created_at":"2026-01-31T12:00:00.000Z"';
  const generate = lineWriter('/api/generate', 'a "b"', undefined);
  expect(generate(' olá\n', '')).toBe(`{"model":"a \\"b\\"",${at},"response":" olá\\n","done":false}`);
  expect(generate('', 'hm', { doneReason: 'stop', context: [7, 8], metrics: { total_duration: 5 } })).toBe(
    `{"model":"a \\"b\\"",${at},"response":"","thinking":"hm",` +
      '"done":true,"done_reason":"stop","context":[7,8],"total_duration":5}',
  );
  const chat = lineWriter('/api/chat', 'a', 'https://b');
  const toolCalls = [{ id: 'call_1', function: { index: 0, name: 'w', arguments: { city: 'x' } } }];
  expect(chat('', '', { doneReason: 'load', context: [], metrics: {} }, toolCalls)).toBe(
    `{"model":"a","remote_model":"a","remote_host":"https://b",${at},"message":{"role":"assistant","content":"",` +
      '"tool_calls":[{"id":"call_1","function":{"index":0,"name":"w","arguments":{"city":"x"}}}]},' +
      '"done":true,"done_reason":"load"}',
  );
});

it('says in each line the time at which that line was written', () => {
  atNoon();
  const line = lineWriter('/api/generate', 'a', undefined);
  const createdAt = () => (JSON.parse(line('b', '')) as { created_at: string }).created_at;
  expect([createdAt(), createdAt()]).toEqual(['2026-01-31T12:00:00.000Z', '2026-01-31T12:00:00.000Z']);
  vi.setSystemTime(Date.now() + 1);
  expect(createdAt()).toBe('2026-01-31T12:00:00.001Z');
  vi.setSystemTime(Date.now() - 2);
  expect(createdAt()).toBe('2026-01-31T11:59:59.999Z');
});
