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
  try {
    for await (const item of items) {
      running.push(fn(item))
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
  } finally {
    // A failure of what was still running belongs to nobody any more.
    for (const rest of running) rest.catch(() => {})
  }
}
