import { describe, expect, it } from 'vitest';
import { filaPromise, type FilaResponse } from './fila-promise.ts';

const response: FilaResponse<string> = {
  data: 'hello',
  status: 200,
  headers: new Headers(),
  requestId: 'call-1',
};

describe('filaPromise', () => {
  it('is a promise of the data', async () => {
    expect(await filaPromise(Promise.resolve(response))).toBe('hello');
  });

  it('gives the answer around the data', async () => {
    expect(await filaPromise(Promise.resolve(response)).withResponse()).toBe(response);
  });

  it('fails only where the caller looks', async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listen);
    const failure = new Error('no');
    await expect(filaPromise(Promise.reject(failure)).withResponse()).rejects.toBe(failure);
    await expect(filaPromise(Promise.reject(failure))).rejects.toBe(failure);
    // Node reports what nobody handled before the next turn of its loop.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', listen);
    expect(unhandled).toEqual([]);
  });
});
