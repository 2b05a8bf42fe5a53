/** Does the same for many things, a few at a time, and keeps their order. */
export async function inParallel<T, R>(
  width: number,
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  async function lane(): Promise<void> {
    for (let index = next++; index < items.length; index = next++)
      results[index] = await work(items[index]!, index);
  }
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}
