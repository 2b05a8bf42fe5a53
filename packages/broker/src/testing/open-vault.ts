/** For tests: a vault on a migrated database, unlocked. */
import { lockedVault, type DataKeyStore, type Vault } from '../engines/vault/vault.ts';

export async function openVault(masterKey: Buffer, store: DataKeyStore): Promise<Vault> {
  const vault = lockedVault(masterKey, store);
  await vault.unlock();
  return vault;
}
