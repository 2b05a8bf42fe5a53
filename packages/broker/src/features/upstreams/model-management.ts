/** Changes which models the upstreams have: which of them are meant, one after the other, and what each of them says. */
import { PassThrough, type Readable } from 'node:stream';
import { fail } from '../../kernel/errors.ts';
import { modelsIn, type Managing } from '../../kernel/managing.ts';
import { isCloudModel, modelKey } from './model-names.ts';
import { Refusal } from './ollama-management.ts';
import type { Json } from './ollama-queries.ts';
import type { UpstreamServer } from './upstream-server.ts';

interface Meant {
  /** host:port; absent: every upstream that answers and is meant. */
  readonly upstream?: string;
  /** Ends what is under way, at the upstream too. */
  readonly signal: AbortSignal;
}

export interface ManagementOrder extends Meant {
  readonly action: Managing;
  /** As Ollama gets it. */
  readonly body: Json;
}

export interface ModelManagement {
  /**
   * What the upstreams tell, one upstream after the other, so that the same layers are not fetched several times at once.
   * One that fails keeps the others from nothing; the end says which did. Other brokers see with their next probe what
   * has changed. Throws a FilaError before anything is done.
   */
  run(order: ManagementOrder): AsyncGenerator<Json, ManagementFailure | null>;
  /** Whether all of them have it. */
  hasBlob(digest: string, meant: Meant): Promise<boolean>;
  /** To all of them at once, as fast as the slowest takes it. */
  putBlob(digest: string, bytes: Readable, meant: Meant): Promise<ManagementFailure | null>;
}

/** What upstreams refused, or did not answer; the message is in Ollama's words. */
export interface ManagementFailure {
  readonly message: string;
  /** Null when it came in the middle of an answer, or there was none. */
  readonly status: number | null;
}

interface Failed {
  readonly id: string;
  readonly refusal: Refusal;
}

interface ManagementDeps {
  readonly servers: () => readonly UpstreamServer[];
  readonly allowCloudModels: boolean;
}

export function createModelManagement({ servers, allowCloudModels }: ManagementDeps): ModelManagement {
  /** As they are now, not as they were at the last probe. */
  async function answering(upstream: string | undefined): Promise<UpstreamServer[]> {
    const named = servers().filter(({ id }) => upstream === undefined || id === upstream);
    if (named.length === 0) throw fail('not_found', { detail: `There is no upstream ${upstream}.` });
    await Promise.all(named.map(({ watched }) => watched.look()));
    const up = named.filter(({ watched }) => watched.health().status === 'up');
    if (up.length > 0) return up;
    throw fail('unavailable', { detail: 'No server that is meant answers now.', retryAfter: 5 });
  }

  async function meantBy({ action, body, upstream }: ManagementOrder): Promise<UpstreamServer[]> {
    const up = await answering(upstream);
    refuseCloud(action, body);
    const needed = neededBy(action, body);
    if (needed === null) return up;
    const key = modelKey(needed);
    const having = up.filter(({ watched }) => watched.has(key) || watched.passesOn(key));
    if (having.length === 0) throw fail('not_found', { detail: `model '${needed}' not found` });
    return action === 'push' ? having.slice(0, 1) : having;
  }

  /** A copy under another name would hide what a model is until the next probe. */
  function refuseCloud(action: Managing, body: Json): void {
    if (allowCloudModels || action === 'delete') return;
    const names = modelsIn(body);
    const isCloud = names.some(
      (name) => isCloudModel(name) || servers().some(({ watched }) => watched.passesOn(modelKey(name))),
    );
    if (!isCloud && !body['remote_host']) return;
    throw fail('model_not_allowed', {
      detail: 'The model runs outside this house, which is not allowed here.',
    });
  }

  async function* run(order: ManagementOrder): AsyncGenerator<Json, ManagementFailure | null> {
    const meant = await meantBy(order);
    const failures: Failed[] = [];
    const { action, body, signal } = order;
    const call = {
      method: action === 'delete' ? ('DELETE' as const) : ('POST' as const),
      path: `/api/${action}`,
      // Its progress is a sign of life, and shows where a client asked for none that it left.
      body: JSON.stringify({ ...body, stream: true }),
      signal,
    };
    let last: Json | null = null;
    for (const { id, watched } of meant) {
      try {
        if (signal.aborted) throw new Refusal('It was ended before.', null);
        if (meant.length > 1) yield { status: `upstream ${id}` };
        for await (const line of watched.client.manage(call)) {
          // Clients stop listening at the first success.
          if (line['status'] === 'success') last = line;
          else yield line;
        }
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        failures.push({ id, refusal: error });
      }
      await watched.look();
    }
    if (failures.length === 0 && last) yield last;
    return failureOf(failures, meant.length);
  }

  async function hasBlob(digest: string, { upstream, signal }: Meant): Promise<boolean> {
    const call = { method: 'HEAD', path: `/api/blobs/${digest}`, signal } as const;
    const all = await Promise.allSettled(
      (await answering(upstream)).map(({ watched }) => ended(watched.client.manage(call))),
    );
    return all.every(({ status }) => status === 'fulfilled');
  }

  async function putBlob(digest: string, bytes: Readable, { upstream, signal }: Meant) {
    const meant = await answering(upstream);
    const uploads = meant.map(async ({ id, watched }): Promise<Failed[]> => {
      const body = bytes.pipe(new PassThrough());
      try {
        await ended(watched.client.manage({ method: 'POST', path: `/api/blobs/${digest}`, body, signal }));
        return [];
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return [{ id, refusal: error }];
      } finally {
        // One that takes no more would hold the others up.
        bytes.unpipe(body);
        body.destroy();
      }
    });
    return failureOf((await Promise.all(uploads)).flat(), meant.length);
  }

  return { run, hasBlob, putBlob };
}

function failureOf(failures: readonly Failed[], of: number): ManagementFailure | null {
  const [first] = failures;
  if (!first) return null;
  const { message, status } = first.refusal;
  if (of === 1) return { message, status };
  return { message: failures.map(({ id, refusal }) => `${id}: ${refusal.message}`).join('; '), status };
}

/** The model that an upstream must have for it. */
function neededBy(action: Managing, { model, name, source, from }: Json): string | null {
  const needed = { pull: null, create: from, copy: source, push: model || name, delete: model || name }[
    action
  ];
  return typeof needed === 'string' && needed !== '' ? needed : null;
}

async function ended(lines: AsyncGenerator<Json, void>): Promise<void> {
  for await (const _line of lines);
}
