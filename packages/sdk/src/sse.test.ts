/** The reader of server-sent events: the same events wherever the bytes are cut. */
import { describe, expect, it } from 'vitest';
import { createSseReader } from './sse.ts';

const TEXT = [
  ': hello\n\n',
  'retry: 1000\nid: 1\nevent: token\ndata: {"text":"olá"}\n\n',
  'data: two\r\ndata:lines\r\n\r\n',
  'id: 3\rdata\r\r',
  'event: never\n\nid: 4\ndata: cut off',
].join('');
const EVENTS = [
  { event: 'token', data: '{"text":"olá"}', id: '1' },
  { event: 'message', data: 'two\nlines', id: '1' },
  { event: 'message', data: '', id: '3' },
];

describe('the reader of server-sent events', () => {
  it('gives the same events wherever the bytes are cut', () => {
    const bytes = new TextEncoder().encode(TEXT);
    for (let at = 0; at <= bytes.length; at++) {
      const read = createSseReader();
      expect([...read(bytes.subarray(0, at)), ...read(bytes.subarray(at))]).toEqual(EVENTS);
    }
    const read = createSseReader();
    expect([...bytes].flatMap((byte) => read(Uint8Array.of(byte)))).toEqual(EVENTS);
  });

  it('gives up what grows without an end', () => {
    const read = createSseReader();
    const part = new TextEncoder().encode('x'.repeat(4 * 1024 * 1024));
    expect(() => [1, 2, 3, 4, 5].forEach(() => read(part))).toThrow('An event is too large.');
  });
});
