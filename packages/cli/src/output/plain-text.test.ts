import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayWidth, escapeUnsafe, oneLine, plainText, shorten } from './plain-text.ts';

const UNSAFE_IN_LINE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u;
/** Text with many of the characters that matter. */
const nasty = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      '\u001b',
      '[',
      ']',
      '31m',
      '\u0007',
      '\u009b',
      '\r',
      '\n',
      '\t',
      '\u007f',
      '\u202e',
      '\u2028',
    ),
    fc.constantFrom('a', 'é', '漢', '👍🏽', '👨‍👩‍👧', '\ud800', '\u{e0041}', '\u0301'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
});

describe('oneLine', () => {
  it.each([
    ['a colour', 'a\u001b[31mb', 'a␛[31mb'],
    ['a title sequence', '\u001b]0;pwned\u0007', '␛]0;pwned␇'],
    ['an eight bit sequence', '\u009b31m', '\ufffd31m'],
    ['line breaks and tabs', 'a\r\nb\tc', 'a b c'],
    ['text that runs backwards', 'safe\u202egpj.exe', 'safe\ufffdgpj.exe'],
    ['half a character', 'a\ud800b', 'a\ufffdb'],
    ['ordinary text', 'Olá, 漢字 👨‍👩‍👧 ñ', 'Olá, 漢字 👨‍👩‍👧 ñ'],
  ])('neutralises %s', (_what, text, expected) => {
    expect(oneLine(text)).toBe(expected);
  });

  it('leaves no control character in any text, and is content with its own result', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const line = oneLine(text);
        expect(line).not.toMatch(UNSAFE_IN_LINE);
        expect(line.isWellFormed()).toBe(true);
        expect(oneLine(line)).toBe(line);
      }),
    );
  });
});

describe('plainText', () => {
  it('keeps line breaks and tabs and nothing else that is a control character', () => {
    expect(plainText('a\r\n\tb\u001b[2Jc\rd')).toBe('a\n\tb␛[2Jc␍d');
    fc.assert(
      fc.property(nasty, (text) => {
        expect(plainText(text).replace(/[\n\t]/g, '')).not.toMatch(UNSAFE_IN_LINE);
      }),
    );
  });
});

describe('escapeUnsafe', () => {
  it('makes JSON safe to print and a parser still gets the exact value', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const json = escapeUnsafe(JSON.stringify({ text }, null, 2));
        expect(json.replaceAll('\n', '')).not.toMatch(UNSAFE_IN_LINE);
        expect(JSON.parse(json)).toEqual({ text });
      }),
    );
  });
});

describe('shorten', () => {
  it.each([
    ['hello', 5, 'hello'],
    ['hello', 4, 'hel…'],
    ['漢字漢字', 5, '漢字…'],
    ['👨‍👩‍👧👨‍👩‍👧', 3, '👨‍👩‍👧…'],
    ['hello', 0, ''],
  ])('cuts %s to %i columns', (text, width, expected) => {
    expect(shorten(text, width)).toBe(expected);
  });

  it('never takes more columns than it may', () => {
    fc.assert(
      fc.property(nasty, fc.nat(20), (text, width) => {
        expect(displayWidth(shorten(oneLine(text), width))).toBeLessThanOrEqual(width);
      }),
    );
  });
});
