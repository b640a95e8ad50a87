/**
 * Works on items in their order, some at a time, until all are done or it may not go on. What was begun is finished.
 *
 * @param work must not reject
 * @returns how many were done, which are the first ones
 */
export async function workThrough<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
  mayGoOn: () => boolean,
): Promise<number> {
  const queue = items.values();
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (mayGoOn()) {
      const { value, done } = queue.next();
      if (done) return;
      begun += 1;
      await work(value);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return begun;
}
