/** `fila version`. */
import type { CliContext } from '../cli-context.ts';
import { printData } from '../output/formats.ts';

export async function showVersion({ out }: CliContext, version: string): Promise<void> {
  const known = {
    fila: version,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
  };
  if (await printData(out, known)) return;
  out.print(out.format === 'name' ? version : `fila ${version} (Node.js ${known.node}, ${known.platform})`);
}
