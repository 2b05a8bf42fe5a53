/** One step in the path of a request, and how steps are joined. */

/** Do something, call `next`, do something. */
export type Stage<In, Out> = (input: In, next: (input: In) => Promise<Out>) => Promise<Out>;

/** Joins stages, the first wrapping all the others; the last must answer without calling `next`. */
export function inOrder<In, Out>(stages: readonly Stage<In, Out>[]): (input: In) => Promise<Out> {
  const nobody = (): Promise<Out> => {
    throw new Error('The last stage called next: there is nobody left to answer.');
  };
  return stages.reduceRight<(input: In) => Promise<Out>>(
    (next, stage) => (input) => stage(input, next),
    nobody,
  );
}
