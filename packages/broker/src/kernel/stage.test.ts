import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inOrder, type Stage } from './stage.ts';

type Step = Stage<string, string>;
const wrap =
  (name: string): Step =>
  async (input, next) =>
    `${name}(${await next(`${input}>${name}`)})`;
const answer: Step = async (input) => `[${input}]`;

describe('stages in order', () => {
  it('wrap one another: the first sees the input first and the answer last', async () => {
    expect(await inOrder([wrap('a'), wrap('b'), answer])('in')).toBe('a(b([in>a>b]))');
  });

  it('are left out after one that answers by itself', async () => {
    expect(await inOrder([wrap('a'), async () => 'known', wrap('b')])('in')).toBe('a(known)');
  });

  it('may ask the rest more than once', async () => {
    let calls = 0;
    const failsOnce: Step = async () => {
      calls += 1;
      if (calls === 1) throw new Error('busy');
      return `try ${calls}`;
    };
    const retry: Step = (input, next) => next(input).catch(() => next(input));
    expect(await inOrder([retry, failsOnce])('in')).toBe('try 2');
  });

  it('hand an error to those outside', async () => {
    const fails: Step = async () => {
      throw new Error('broken');
    };
    const rescue: Step = (input, next) => next(input).catch((error: Error) => `rescued ${error.message}`);
    await expect(inOrder([wrap('a'), fails])('in')).rejects.toThrow('broken');
    expect(await inOrder([rescue, wrap('a'), fails])('in')).toBe('rescued broken');
  });

  it('say so when nobody answers', async () => {
    await expect(inOrder([wrap('a')])('in')).rejects.toThrow('nobody left to answer');
  });

  it('keep calls that run at once apart', async () => {
    const path = inOrder([wrap('a'), wrap('b'), answer]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string()), async (inputs) => {
        const answers = await Promise.all(inputs.map(path));
        expect(answers).toEqual(inputs.map((input) => `a(b([${input}>a>b]))`));
      }),
    );
  });
});
