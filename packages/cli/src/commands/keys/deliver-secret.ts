/** Where a secret goes that is shown once: to stdout, into a new file, or sealed to its receiver. */
import { unlink } from 'node:fs/promises';
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { newSecretFile } from '../new-secret-file.ts';
import { sealerTo } from './sealed-secret.ts';

export interface DeliveryFlags {
  readonly out?: string;
  readonly sealTo?: string;
}

interface Secrets {
  readonly id: string;
  readonly key: string;
  readonly webhook_secret?: string;
}

export interface Delivered<T> {
  readonly answer: T;
  /** The key, or the sealed text. */
  readonly text: string;
  /** What programs may be told of it: everything but what went into the file, and nothing that was sealed. */
  readonly data: object;
}

export interface Delivery {
  /** `make` is called when nothing is in the way of keeping what it makes. */
  of<T extends Secrets>(make: () => Promise<T>): Promise<Delivered<T>>;
}

/** `what` is made; said when it is not. */
export function prepareDelivery(context: CliContext, flags: DeliveryFlags, what: string): Delivery {
  const { out: path, sealTo } = flags;
  if (context.out.format === 'name' && path === undefined)
    throw usageError('With -o name the secret would be lost', [['Keep it', 'add --out FILE']]);
  const seal = sealTo === undefined ? undefined : sealerTo(sealTo);
  if (seal === null)
    throw usageError('--seal-to is not the public key of a receiver (fila_sealto_…)', [
      ['The receiver makes one', 'fila keys seal-key --out my.unseal'],
    ]);
  return {
    of: async (make) => {
      const file = path === undefined ? undefined : await newSecretFile(path, what, 'another.key');
      try {
        const answer = await make();
        const text = seal ? seal(JSON.stringify(secretsOf(answer))) : answer.key;
        await file?.writeFile(`${text}\n`);
        return { answer, text, data: dataOf(answer, { text, isSealed: seal !== undefined, isKept: !!file }) };
      } catch (error) {
        if (path !== undefined) await unlink(path);
        throw error;
      } finally {
        await file?.close();
      }
    },
  };
}

function secretsOf({ id, key, webhook_secret }: Secrets): Secrets {
  return { id, key, ...(webhook_secret === undefined ? {} : { webhook_secret }) };
}

function dataOf(
  answer: Secrets,
  { text, isSealed, isKept }: { readonly text: string; readonly isSealed: boolean; readonly isKept: boolean },
): object {
  const { key, webhook_secret, ...known } = answer;
  if (isSealed) return isKept ? known : { ...known, sealed: text };
  const open = webhook_secret === undefined ? known : { ...known, webhook_secret };
  return isKept ? open : { ...open, key };
}
