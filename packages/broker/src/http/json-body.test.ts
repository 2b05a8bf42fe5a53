import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FilaError } from '../kernel/errors.ts';
import { parseJsonBody } from './json-body.ts';

/** What the body was refused for, or null when it was taken. */
function refusal(body: string | Buffer): string | null {
  try {
    parseJsonBody(Buffer.from(body as string));
    return null;
  } catch (error) {
    if (!(error instanceof FilaError) || error.code !== 'malformed_json') throw error;
    return error.message;
  }
}

const TOO_DEEP = 'The body is nested more than 64 levels deep.';
const nested = (depth: number, core: string, isList = true): string =>
  (isList ? '[' : '{"a":').repeat(depth) + core + (isList ? ']' : '}').repeat(depth);

/** Strings full of what a careless reader would count: brackets, quotes, backslashes. */
const tricky = fc.string({ unit: fc.constantFrom('[', ']', '{', '}', '"', '\\', '\\"', 'a', 'é', '😀') });

describe('a JSON body', () => {
  it('is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 20 }), (text) => {
        expect(parseJsonBody(Buffer.from(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('is read as JSON.parse reads it, whatever its strings hold and however it is spaced', () => {
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 6 },
        tricky,
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(tricky, tie('value'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(value, fc.constantFrom(0, 1, '\t', '\r\n'), (given, space) => {
        const text = JSON.stringify(given, null, space);
        expect(parseJsonBody(Buffer.from(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('is refused exactly when JSON.parse refuses it', () => {
    const almost = fc.string({
      unit: fc.constantFrom('[', ']', '{', '}', '"', '\\', ',', ':', '1', ' ', 'a'),
    });
    const accepted = (text: string): boolean => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(
        fc.oneof(
          almost,
          fc.json().map((text) => text.slice(1)),
        ),
        (text) => {
          expect(refusal(text) === null).toBe(accepted(text));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('may be 64 levels deep and not one more, whatever stands in between', () => {
    const core = tricky.map((text) => JSON.stringify(text));
    fc.assert(
      fc.property(fc.integer({ min: 61, max: 68 }), fc.boolean(), core, (depth, isList, text) => {
        expect(refusal(nested(depth, text, isList))).toBe(depth <= 64 ? null : TOO_DEEP);
      }),
    );
    expect(refusal(`[${nested(63, '"]]"')}, ${nested(63, '"[["', false)}]`)).toBeNull();
    expect(refusal(`[${nested(64, '1')},[]]`)).toBe(TOO_DEEP);
    expect(refusal(nested(1, '1'))).toBeNull();
    expect(refusal(`[${'[],'.repeat(500)}[]]`)).toBeNull();
  });

  it('is refused quickly when it is all brackets, or all backslashes', () => {
    const startMs = performance.now();
    expect(refusal('['.repeat(1_000_000))).toBe(TOO_DEEP);
    expect(refusal(`"${'\\'.repeat(1_000_000)}"`)).toBeNull();
    expect(refusal(`"${'\\"'.repeat(500_000)}`)).toBe('The body is not valid JSON.');
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  it('says what is wrong with it', () => {
    expect(refusal('')).toBe('The body is empty.');
    expect(refusal('{"prompt": }')).toBe('The body is not valid JSON.');
    expect(refusal('{} {}')).toBe('The body is not valid JSON.');
    expect(refusal(Buffer.from([0x22, 0xff, 0x22]))).toBe('The body is not valid UTF-8.');
    expect(refusal(Buffer.from('"é"', 'latin1'))).toBe('The body is not valid UTF-8.');
  });

  it('never puts its content into the message', () => {
    expect(refusal('{"prompt": my secret}')).not.toContain('secret');
  });

  it('makes no prototypes: __proto__ is a name like any other', () => {
    const value = parseJsonBody(Buffer.from('{"__proto__": {"isAdmin": true}}')) as { isAdmin?: boolean };
    expect(value.isAdmin).toBeUndefined();
    expect(Object.keys(value)).toEqual(['__proto__']);
  });
});
