/** What can be done to the models of Ollama's servers through its own routes. */

export const MANAGING = ['pull', 'push', 'create', 'copy', 'delete'] as const;
export type Managing = (typeof MANAGING)[number];

/** All models that a body of one of those calls names. */
export function modelsIn(body: Readonly<Record<string, unknown>>): string[] {
  const names = ['model', 'name', 'source', 'destination', 'from'].map((field) => body[field]);
  return names.filter((name): name is string => typeof name === 'string' && name !== '');
}
