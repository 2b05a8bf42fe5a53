/** What of a request is kept secret: it opens where it was sealed, and nowhere else. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StoredDataKey, Vault } from '../../engines/vault/vault.ts';
import { openVault } from '../../testing/open-vault.ts';
import { newId } from '../../kernel/ids.ts';
import { requestContent, VaultError } from './request-content.ts';

async function newVault(): Promise<Vault> {
  const keys: StoredDataKey[] = [];
  return openVault(randomBytes(32), {
    all: async () => keys,
    add: async (masterKeyId, wrap) => {
      const stored = { id: keys.length + 1, masterKeyId, wrapped: wrap(keys.length + 1) };
      keys.push(stored);
      return stored;
    },
  });
}
const content = requestContent(await newVault());
const id = newId('req');

describe('the content of a request', () => {
  it('comes back exactly as it was, whatever it is', async () => {
    const metadata = fc.dictionary(fc.string(), fc.jsonValue());
    await fc.assert(
      fc.asyncProperty(metadata, async (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
        expect(await content.open('metadata', id, content.seal('metadata', id, plain))).toEqual(plain);
      }),
    );
    const body = { prompt: 'Olá, ção 🔑\u0000', parameters: { temperature: 0.1 } };
    expect(await content.open('body', id, content.seal('body', id, body))).toEqual(body);
  });

  it('leaves out what was not given, rather than storing it as nothing', async () => {
    const sealed = content.seal('body', id, { prompt: 'Hi', system: undefined });
    expect(Object.keys(await content.open('body', id, sealed))).toEqual(['prompt']);
  });

  it('shows nothing of itself, and never looks the same twice', () => {
    const value = { text: 'a canary that sings', finish_reason: 'stop' };
    const [one, other] = [content.seal('result', id, value), content.seal('result', id, value)];
    expect(one.includes('canary')).toBe(false);
    expect(one.equals(other)).toBe(false);
  });

  it('does not open in another row, in another column, or under another master key', async () => {
    const sealed = content.seal('result', id, { text: 'secret', finish_reason: 'stop' });
    const elsewhere = requestContent(await newVault());
    await expect(content.open('result', newId('req'), sealed)).rejects.toThrow(VaultError);
    await expect(content.open('error', id, sealed)).rejects.toThrow(VaultError);
    await expect(elsewhere.open('result', id, sealed)).rejects.toThrow(VaultError);
  });

  it('does not open when any of its bytes was changed', async () => {
    const sealed = content.seal('error', id, { code: 'poison', message: 'm' });
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at]! ^= 1;
      await expect(content.open('error', id, changed)).rejects.toThrow(VaultError);
    }
  });
});
