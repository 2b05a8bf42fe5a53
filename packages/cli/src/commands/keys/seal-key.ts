/** `fila keys seal-key`: makes the pair of keys with which somebody can be sent secrets. Needs no daemon. */
import type { CliContext } from '../../cli-context.ts';
import { printData } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import { newSecretFile } from '../new-secret-file.ts';
import { newSealKeys } from './sealed-secret.ts';

export async function makeSealKey(
  { out }: CliContext,
  { out: path }: { readonly out: string },
): Promise<void> {
  const { publicKey, privateKey } = newSealKeys();
  const file = await newSecretFile(path, 'pair of keys', 'another.unseal');
  await file.writeFile(`${privateKey}\n`).finally(() => file.close());
  if (await printData(out, { public_key: publicKey, private_key_file: path })) return;
  out.print(publicKey);
  out.notice(`✔ What opens it is in ${oneLine(path)}. Send the line above to who makes your key:`);
  out.notice(`  fila keys create --name … --seal-to ${publicKey}`);
}
