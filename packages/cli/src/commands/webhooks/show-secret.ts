/** Shows a secret that is shown this once: alone on stdout, what belongs to it on stderr. */
import type { CreatedWebhook } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { usageError } from '../../output/error-text.ts';
import { printData } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';

export function refuseLosingSecret({ out }: CliContext): void {
  if (out.format === 'name')
    throw usageError('With -o name the secret would be lost', [['Keep it', 'leave -o name out']]);
}

/** `said` is the first line. Not silenced by --quiet: it is said nowhere else. */
export async function showSecret({ out }: CliContext, created: CreatedWebhook, said: string): Promise<void> {
  if (await printData(out, created)) return;
  out.print(oneLine(created.secret));
  const id = oneLine(created.id);
  const until = created.previous_secret_until;
  out.mustSay(out.noticePaint('ok', `✔ ${said}`));
  out.mustSay(`  id   ${id}`);
  out.mustSay(`  url  ${oneLine(created.url)}`);
  if (until !== null) out.mustSay(`  The secret before it stays valid until ${oneLine(until)}.`);
  out.mustSay(out.noticePaint('warn', '  The secret is shown this once. Save it now.'));
  out.mustSay(`  Try it: fila webhooks test ${id}`);
}
