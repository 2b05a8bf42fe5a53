import { describe, expect, it } from 'vitest';
import { createWarmth } from './warmth.ts';

function warmthAt() {
  let now = 1_000;
  const warmth = createWarmth(() => now);
  const answered = (key: string, more: { numCtx?: number; loadMs?: number } = {}) =>
    warmth.answered(key, { numCtx: more.numCtx, loadMs: more.loadMs ?? 0 });
  return { warmth, answered, pass: (ms: number) => (now += ms) };
}

describe('a model is loaded for certain', () => {
  it('when it answered lately and the last probe saw it', () => {
    const { warmth, answered } = warmthAt();
    expect(warmth.isWarm('a', undefined, true)).toBe(false);
    answered('a');
    expect(warmth.isWarm('a', undefined, true)).toBe(true);
    expect(warmth.isWarm('a', undefined, false)).toBe(false);
  });

  it('for a minute', () => {
    const { warmth, answered, pass } = warmthAt();
    answered('a');
    pass(60_001);
    expect(warmth.isWarm('a', undefined, true)).toBe(false);
  });

  it('only with the context that it was loaded with', () => {
    const { warmth, answered } = warmthAt();
    answered('a', { numCtx: 4_096 });
    expect(warmth.isWarm('a', 4_096, true)).toBe(true);
    expect(warmth.isWarm('a', 8_192, true)).toBe(false);
    expect(warmth.isWarm('a', undefined, true)).toBe(false);
  });

  it('until another one was loaded', () => {
    const { warmth, answered, pass } = warmthAt();
    answered('a');
    pass(10);
    answered('b', { loadMs: 4_000 });
    expect(warmth.isWarm('a', undefined, true)).toBe(false);
    expect(warmth.isWarm('b', undefined, true)).toBe(true);
    pass(10);
    answered('a');
    expect(warmth.isWarm('a', undefined, true)).toBe(true);
  });

  it('also beside another one that was there already', () => {
    const { warmth, answered, pass } = warmthAt();
    answered('a');
    pass(10);
    answered('b', { loadMs: 20 });
    expect(warmth.isWarm('a', undefined, true)).toBe(true);
  });

  it('but not while another one may be loading', () => {
    const { warmth, answered } = warmthAt();
    answered('a');
    const [one, two] = [warmth.loading('b'), warmth.loading('b')];
    one();
    one();
    expect(warmth.isWarm('a', undefined, true)).toBe(false);
    two();
    expect(warmth.isWarm('a', undefined, true)).toBe(true);
  });
});
