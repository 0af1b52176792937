/**
 * Runs `fn` over all items, at most `limit` at a time, and gives the results in the order of the items. A reader that stops early starts
 * nothing further.
 */
export async function* inOrder<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  fn: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const running: Promise<R>[] = []
  for await (const item of items) {
    const started = fn(item)
    // Its failure is thrown in its turn: one that nobody waits for yet would end the process, and after an early end it belongs to nobody.
    started.catch(() => {})
    running.push(started)
    const [first] = running
    if (running.length < limit || first === undefined) continue
    const result = await first
    void running.shift()
    yield result
  }
  while (running.length > 0) {
    const [first] = running
    if (first === undefined) break
    const result = await first
    void running.shift()
    yield result
  }
}
