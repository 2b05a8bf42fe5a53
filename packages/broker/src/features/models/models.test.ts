/** Which models a request may name. */
import { describe, expect, it, vi } from 'vitest';
import type { Accepted, Arrival } from '../requests/requests.ts';
import { createModels } from './models.ts';

const ACCEPTED = { id: 'accepted' } as unknown as Accepted;
const isCloudModel = (name: string): boolean => name.endsWith('-cloud');
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
    const { refuseCloud } = createModels({ allowCloudModels, isCloudModel });
    expect(await refuseCloud(arrival, next)).toBe(ACCEPTED);
    expect(next.mock.calls).toEqual([[arrival]]);
  });

  it('is refused at the door with a model of a cloud, and goes no further', async () => {
    const next = vi.fn(async () => ACCEPTED);
    const { refuseCloud } = createModels({ allowCloudModels: false, isCloudModel });
    await expect(refuseCloud(arrivalOf('big-cloud'), next)).rejects.toMatchObject({
      code: 'validation_failed',
      details: { errors: [{ pointer: '/model' }] },
    });
    expect(next).not.toHaveBeenCalled();
  });
});
