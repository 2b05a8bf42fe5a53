import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { windowStart } from './select.ts';
import { isPlainLocale, languageOf, sayIn } from './texts.ts';

describe('the window of a table', () => {
  it('always has the cursor in it, and never shows less than it could', () => {
    fc.assert(
      fc.property(fc.nat(500), fc.nat(500), fc.integer({ min: 1, max: 60 }), (a, b, room) => {
        const [at, count] = [Math.min(a, b), Math.max(a, b) + 1];
        const start = windowStart(at, count, room);
        expect(start).toBeGreaterThanOrEqual(0);
        expect(at).toBeGreaterThanOrEqual(start);
        expect(at).toBeLessThan(start + room);
        expect(start).toBeLessThanOrEqual(Math.max(0, count - room));
      }),
    );
  });
});

describe('the language', () => {
  it.each([
    [undefined, {}, 'en'],
    [undefined, { LANG: 'pt_BR.UTF-8' }, 'pt-BR'],
    [undefined, { LANG: 'pt_BR.UTF-8', LC_ALL: 'C.UTF-8' }, 'en'],
    [undefined, { FILA_LANG: 'pt', LC_ALL: 'en_US.UTF-8' }, 'pt-BR'],
    ['en', { LANG: 'pt_BR.UTF-8' }, 'en'],
    ['pt-BR', {}, 'pt-BR'],
  ])('asked for %s with %o is %s', (asked, env, language) => expect(languageOf(asked, env)).toBe(language));

  it('a locale that is named and not UTF-8 has plain letters', () => {
    expect(
      [{}, { LANG: 'C' }, { LANG: 'en_US.utf8' }, { LANG: 'pt_BR', LC_ALL: 'C.UTF-8' }].map(isPlainLocale),
    ).toEqual([false, true, false, false]);
  });

  it('says something in each', () => {
    expect(sayIn('en')('waiting')).toBe('waiting');
    expect(sayIn('pt-BR')('waiting')).toBe('esperando');
  });
});
