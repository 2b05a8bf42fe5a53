/** Which models a request may name. */
import { describe, expect, it, vi } from 'vitest';
import type { Accepted, Arrival } from '../requests/requests.ts';
import { createModels } from './models.ts';

const ACCEPTED = { id: 'accepted' } as unknown as Accepted;
const isCloudModel = (name: string): boolean => name.endsWith('-cloud');
const ALIASES: Record<string, string> = { fast: 'llama3', big: 'big-cloud' };
const more = {
  ...{ isCloudModel, defaultModel: () => 'fast' },
  aliases: { modelOf: (name: string) => ALIASES[name] ?? name },
};
const arrivalOf = (model?: string): Arrival =>
  ({ key: { id: 'key' }, input: { prompt: 'Hi', model } }) as Arrival;

describe('a request that names a model', () => {
  it.each([
    { given: 'a model of this house', allowCloudModels: false, model: 'llama3' },
    { given: 'no model', allowCloudModels: false, model: undefined },
    { given: 'a model of a cloud, where that is allowed', allowCloudModels: true, model: 'big-cloud' },
  ])('goes on unchanged with $given', async ({ allowCloudModels, model }) => {
    const next = vi.fn(async () => ACCEPTED);
    const arrival = arrivalOf(model);
    const { refuseCloud } = createModels({ ...more, allowCloudModels });
    expect(await refuseCloud(arrival, next)).toBe(ACCEPTED);
    expect(next.mock.calls).toEqual([[arrival]]);
  });

  it('is refused at the door with a model of a cloud, and goes no further', async () => {
    const next = vi.fn(async () => ACCEPTED);
    const { refuseCloud } = createModels({ ...more, allowCloudModels: false });
    const arrival = { ...arrivalOf('big-cloud'), model: 'big-cloud' };
    await expect(refuseCloud(arrival, next)).rejects.toMatchObject({
      code: 'validation_failed',
      details: { errors: [{ pointer: '/model' }] },
    });
    expect(next).not.toHaveBeenCalled();
  });
});

describe('a request that names an alias', () => {
  const { resolve, refuseCloud } = createModels({ ...more, allowCloudModels: false });

  it.each([
    { name: 'fast', meant: 'llama3' },
    { name: undefined, meant: 'llama3' },
    { name: 'llama3', meant: 'llama3' },
  ])('$name is one of the model $meant, and what was written stays', async ({ name, meant }) => {
    const next = vi.fn(async (_arrival: Arrival) => ACCEPTED);
    await resolve(arrivalOf(name), next);
    expect(next.mock.calls[0]![0]).toMatchObject({ input: { prompt: 'Hi', model: name } });
    expect(next.mock.calls[0]![0].model).toBe(meant);
  });

  it('is refused when the model that is meant is of a cloud', async () => {
    const next = vi.fn(async () => ACCEPTED);
    const arriving = resolve(arrivalOf('big'), (arrival) => refuseCloud(arrival, next));
    await expect(arriving).rejects.toMatchObject({ code: 'validation_failed' });
    expect(next).not.toHaveBeenCalled();
  });
});
