import { describe, expect, it } from 'vitest';
import { ALL_RIGHTS, ALL_STORED_RIGHTS, rightsFromWire, rightsOf, rightsOnWire } from './key-rights.ts';

describe('the rights of a key', () => {
  it('are all there are unless something is named', () => {
    expect(ALL_RIGHTS.hasScope('webhooks:write')).toBe(true);
    expect(ALL_RIGHTS.mayUseModel('anything')).toBe(true);
    expect(ALL_RIGHTS.mayUseQueue('anything')).toBe(true);
    expect(ALL_RIGHTS.mayCallFrom('203.0.113.1')).toBe(true);
  });

  it('to manage models is had only by name', () => {
    expect(ALL_RIGHTS.hasScope('models:write')).toBe(false);
    expect(rightsOf({ ...ALL_STORED_RIGHTS, scopes: ['models:write'] }).hasScope('models:write')).toBe(true);
  });

  it('are what is named, and no more', () => {
    const rights = rightsOf({
      ...{ scopes: ['requests:read'], allowedModels: null },
      ...{ allowedQueues: ['night'], allowedIps: ['10.0.0.0/8'] },
    });
    expect([rights.hasScope('requests:read'), rights.hasScope('requests:write')]).toEqual([true, false]);
    expect([rights.mayUseQueue('night'), rights.mayUseQueue('default')]).toEqual([true, false]);
    expect([rights.mayCallFrom('10.1.1.1'), rights.mayCallFrom('11.1.1.1')]).toEqual([true, false]);
  });

  it.each([
    [['llama3'], 'llama3:latest', true],
    [['llama3:latest'], 'LLAMA3', true],
    [['llama3'], 'llama3:8b', false],
    [['llama3*'], 'llama3:8b', true],
    [['Llama3*'], 'llama3.2', true],
    [['llama3*'], 'llama2', false],
    [['qwen:*', 'llama3:8b'], 'qwen', true],
    [['qwen:*', 'llama3:8b'], 'qwen2:7b', false],
  ])('to models %j: %s is %s', (allowedModels, model, may) => {
    expect(rightsOf({ ...ALL_STORED_RIGHTS, allowedModels }).mayUseModel(model)).toBe(may);
  });

  it('come from the wire as they were given, and go back to it', () => {
    const wire = { scopes: null, allowed_models: ['a*'], allowed_queues: null, allowed_ips: ['::1'] };
    expect(rightsFromWire({ allowed_models: ['a*'] })).toEqual({ allowedModels: ['a*'] });
    expect(rightsOnWire({ ...ALL_STORED_RIGHTS, ...rightsFromWire(wire) })).toEqual(wire);
  });
});
