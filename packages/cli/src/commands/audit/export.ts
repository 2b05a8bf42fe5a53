/** `fila audit export`: all that a verification without a daemon needs. */
import type { CliContext } from '../../cli-context.ts';

const PAGE = 1000;

/** Exact JSON, whatever the format: it is verified byte for byte. */
export async function exportAudit({ host, out, sdk }: CliContext): Promise<void> {
  const fila = await sdk('admin');
  let rows = 0;
  let checkpoints = 0;
  const write = (value: unknown): void => void host.stdout.write(`${JSON.stringify(value)}\n`);
  for await (const row of fila.audit.list({ order: 'oldest', limit: PAGE })) {
    write(row);
    rows += 1;
  }
  for await (const checkpoint of fila.audit.checkpoints({ limit: PAGE })) {
    write(checkpoint);
    checkpoints += 1;
  }
  out.notice(`${rows} rows and ${checkpoints} checkpoints. Verify:  fila audit verify --file <file>`);
}
