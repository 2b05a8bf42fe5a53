import { describe, expect, it } from 'vitest';
import { isCloudModel, modelKey } from './model-names.ts';

describe('model names', () => {
  it.each([
    ['llama3', 'llama3:latest'],
    ['llama3:latest', 'llama3:latest'],
    ['Llama3:8B', 'llama3:8b'],
    ['me/mine', 'me/mine:latest'],
    ['host:5000/me/mine', 'host:5000/me/mine:latest'],
    ['registry.ollama.ai/library/llama3:8b', 'llama3:8b'],
    ['library/llama3', 'llama3:latest'],
  ])('%s has the key %s', (name, key) => {
    expect(modelKey(name)).toBe(key);
  });

  it.each([
    'kimi:cloud',
    'gpt-oss:120b-cloud',
    'GPT-OSS:120B-Cloud',
    'x-cloud',
    'x-cloud:latest',
    'me/x:cloud',
  ])('%s means a cloud', (name) => {
    expect(isCloudModel(name)).toBe(true);
  });

  it.each(['llama3', 'cloud', 'cloud-atlas', 'cloudy:8b', 'x:cloud-7b', 'soundcloud'])(
    '%s does not',
    (name) => {
      expect(isCloudModel(name)).toBe(false);
    },
  );
});
