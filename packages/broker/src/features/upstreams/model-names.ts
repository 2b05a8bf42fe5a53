/** Model names as Ollama reads them: several spellings of one model, and names that mean a cloud. */

/** More are forgotten: clients name what they like. */
const MOST_KNOWN = 1_000;
const keys = new Map<string, string>();

/** One spelling for all of `Llama3`, `llama3:latest` and `registry.ollama.ai/library/llama3`. */
export function modelKey(name: string): string {
  const known = keys.get(name);
  if (known !== undefined) return known;
  if (keys.size >= MOST_KNOWN) keys.clear();
  const key = readKey(name);
  keys.set(name, key);
  return key;
}

function readKey(name: string): string {
  const short = name.toLowerCase().replace(/^(?:https?:\/\/)?(?:registry\.ollama\.ai\/)?(?:library\/)?/, '');
  return short.includes(':', short.lastIndexOf('/') + 1) ? short : `${short}:latest`;
}

/** Whether Ollama passes calls for this name on to its cloud: `x:cloud`, `x:120b-cloud`, `x-cloud`. */
export function isCloudModel(name: string): boolean {
  return /[:-]cloud(?::latest)?(?:@.*)?$/i.test(name.trim());
}
