/** What a password must not be. No rules about kinds of characters: they make people write passwords down. */
import { COMMON_WORDS } from './common-passwords.ts';

const SHORTEST = 12;
const LONGEST = 128;
/** Characters that have to be left when all that is easily guessed is taken away. */
const LEAST_LEFT = 6;
const LEAST_DIFFERENT = 4;
const LOOKALIKES: Readonly<Record<string, string>> = {
  ...{ '0': 'o', '1': 'l', '3': 'e', '4': 'a', '5': 's', '7': 't', '@': 'a', $: 's', '!': 'i' },
};
const RUNS = [
  '01234567890',
  '09876543210',
  'abcdefghijklmnopqrstuvwxyz',
  'qwertyuiop',
  'asdfghjkl',
  'zxcvbnm',
];
const LONGEST_FIRST = [...COMMON_WORDS].sort((a, b) => b.length - a.length);

/** What is wrong with it, or null. */
export function problemOfPassword(password: string, name: string): string | null {
  const length = [...password.normalize('NFKC')].length;
  if (length < SHORTEST) return `must have ${SHORTEST} characters or more`;
  if (length > LONGEST) return `must have ${LONGEST} characters or fewer`;
  const left = withoutTheObvious(password.normalize('NFKC').toLowerCase(), name.toLowerCase());
  if ([...left].length >= LEAST_LEFT && new Set(left).size >= LEAST_DIFFERENT) return null;
  return 'is little more than common words, the own name, or runs such as 12345: add words of your own';
}

function withoutTheObvious(text: string, name: string): string {
  const own = [name, ...name.split(/[._@-]+/)].filter((part) => part.length >= 3);
  const plain = withoutRuns(text);
  const words = [...own.sort((a, b) => b.length - a.length), ...LONGEST_FIRST];
  const asTyped = without(plain, words);
  const asMeant = without([...plain].map((one) => LOOKALIKES[one] ?? one).join(''), words);
  return asMeant.length < asTyped.length ? asMeant : asTyped;
}

function without(text: string, words: readonly string[]): string {
  return words.reduce((left, word) => left.replaceAll(word, ''), text).replace(/[^\p{L}\p{N}]/gu, '');
}

/** aaa, 123, cba, asdf: each piece of three or more counts as nothing. */
function withoutRuns(text: string): string {
  let left = text.replace(/(.)\1{2,}/gu, '');
  for (const run of RUNS)
    for (let size = Math.min(run.length, left.length); size >= 3; size--)
      for (let at = 0; at + size <= run.length; at++) left = left.replaceAll(run.slice(at, at + size), '');
  return left;
}
