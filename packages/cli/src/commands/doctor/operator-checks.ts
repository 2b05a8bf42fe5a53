/** What the doctor asks as an operator and as a client: models that are missing, webhooks that fail, dead letters. */
import type { Fila } from '@fila/sdk';
import { failed, passed, skipped, type Finding } from './finding.ts';

const MOST = 100;

/** A name without a tag means the newest. */
function inFull(model: string): string {
  return model.includes(':', model.lastIndexOf('/') + 1) ? model : `${model}:latest`;
}

/** `named`: by the settings of this machine. Queues add the models they fall back to. */
export async function modelFindings(fila: Fila, named: readonly string[]): Promise<Finding[]> {
  const [models, queues] = await Promise.all([fila.models.list(), fila.queues.list()]);
  const fallbacks = queues.items.flatMap(({ fallback_model: model }) => (model === null ? [] : [model]));
  const wanted = [...new Set([...named, ...fallbacks].map(inFull))];
  if (wanted.length === 0) return [skipped('models', 'no setting and no queue names one')];
  if (models.items.length === 0) return [skipped('models', 'no upstream is up, or none has one')];
  return wanted.map((model) => {
    const places = models.items.filter((one) => inFull(one.model) === model).map(({ upstream }) => upstream);
    if (places.length > 0) return passed(`model ${model}`, `installed at ${places.join(', ')}`);
    return failed(`model ${model}`, 'is named by a setting or a queue, and no upstream has it', [
      'Pull it where Ollama runs, or name another.',
      `ollama pull ${model}`,
    ]);
  });
}

export async function deadLetterFindings(fila: Fila): Promise<Finding[]> {
  const { items, next_cursor: more } = await fila.deadLetters.list({ limit: MOST }).page();
  if (items.length === 0) return [passed('dead letters', 'none')];
  const count = `${items.length}${more === null ? '' : ' or more'}`;
  const codes = [...new Set(items.map(({ error }) => error.code))].slice(0, 3).join(', ');
  return [
    failed('dead letters', `${count} requests failed for good: ${codes}`, [
      'Look why, then retry or discard them.',
      'fila dlq list',
    ]),
  ];
}

export async function webhookFindings(fila: Fila): Promise<Finding[]> {
  const found: Finding[] = [];
  let count = 0;
  for await (const { id, status, disabled_reason: why, failing_since: since } of fila.webhooks.list()) {
    count++;
    if (status === 'disabled')
      found.push(
        failed(`webhook ${id}`, `is disabled${why === null ? '' : `: ${why}`}`, [
          'Mend the receiver, then enable it.',
          `fila webhooks enable ${id}`,
        ]),
      );
    else if (since !== null)
      found.push(
        failed(`webhook ${id}`, `every attempt has failed since ${since}`, [
          'Look what the receiver answers.',
          `fila webhooks deliveries --endpoint ${id}`,
        ]),
      );
  }
  return found.length > 0
    ? found
    : [passed('webhooks', count === 0 ? 'the key has none' : `${count} in order`)];
}
