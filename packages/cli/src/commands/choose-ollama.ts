/** Finds out whether an Ollama answers and which of its models to use when a request names none. */

/** What /api/tags says of a model; read with care, because any server may answer there. */
interface InstalledModel {
  readonly name: string;
  readonly remote_host?: string;
  readonly details?: { readonly family?: string };
}

const PATIENCE_MS = 1000;

export async function answersLikeOllama(url: string): Promise<boolean> {
  const body = await getJson(`${url}/api/version`);
  return typeof body?.['version'] === 'string';
}

export interface ChosenModel {
  readonly model: string;
  /** What to tell the user about the choice. */
  readonly remark?: string;
}

/** The wanted model if it is installed, else the first installed one that writes text in this house. */
export async function chooseModel(url: string, wanted: string): Promise<ChosenModel> {
  const body = await getJson(`${url}/api/tags`);
  const models = Array.isArray(body?.['models']) ? (body['models'] as unknown[]).filter(isInstalled) : [];
  if (models.some(({ name }) => name === wanted || name === `${wanted}:latest`)) return { model: wanted };
  const first = models.find(writesText);
  if (!first) return { model: wanted, remark: `it has no such model yet:  ollama pull ${wanted}` };
  return { model: first.name, remark: `the first installed one, because ${wanted} is not installed` };
}

function isInstalled(value: unknown): value is InstalledModel {
  return typeof (value as Partial<InstalledModel> | null)?.name === 'string';
}

/** Embedding models answer with numbers, and models of a remote host would take prompts out of the house. */
function writesText({ remote_host, details }: InstalledModel): boolean {
  return !remote_host && !/bert/i.test(details?.family ?? '');
}

async function getJson(url: string): Promise<Record<string, unknown> | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS), redirect: 'error' });
    const body: unknown = response.ok ? await response.json() : undefined;
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : undefined;
  } catch {
    // No server, one that is too slow, or something that is no Ollama: all the same here.
    return undefined;
  }
}
