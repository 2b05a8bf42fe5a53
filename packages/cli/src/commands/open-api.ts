/** `fila open-api`: the contract of this version, as OpenAPI 3.1. */
import type { CliContext } from '../cli-context.ts';
import { printData } from '../output/formats.ts';

/** JSON unless another format was asked for: there is no table of it. */
export async function showOpenApi({ out }: CliContext): Promise<void> {
  const { default: contract } = await import('@fila/php-bridge-spec/openapi.json', {
    with: { type: 'json' },
  });
  if (!(await printData(out, contract))) out.print(JSON.stringify(contract, null, 2));
}
