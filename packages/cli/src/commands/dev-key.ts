/** The key of `fila dev`: the one of last time if the daemon still accepts it, else a new one. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunningBroker } from '@fila/broker';
import type { Fila } from '@fila/sdk';

const FILE = 'dev.key';

export async function devKey(
  { url, adminToken }: Pick<RunningBroker, 'url' | 'adminToken'>,
  dataDir: string,
): Promise<string> {
  const { Fila } = await import('@fila/sdk');
  const path = join(dataDir, FILE);
  const known = await readFile(path, 'utf8').catch(() => '');
  if (known.trim() && (await isAccepted(() => new Fila({ url, apiKey: known })))) return known.trim();
  const { key } = await new Fila({ url, adminToken }).keys.create({ name: 'dev' });
  // Renamed into place, so that no reader meets half a key; the mode is that of the new file.
  const half = `${path}.${process.pid}`;
  await writeFile(half, `${key}\n`, { mode: 0o600 });
  await rename(half, path);
  return key;
}

async function isAccepted(connect: () => Fila): Promise<boolean> {
  try {
    await connect().authenticate();
    return true;
  } catch (error) {
    // InvalidRequest: the file holds something that no key looks like.
    if (error instanceof Error && (error.name === 'NotAllowed' || error.name === 'InvalidRequest'))
      return false;
    throw error;
  }
}
