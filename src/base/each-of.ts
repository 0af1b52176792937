/** Runs `fn` over all items, at most `limit` at a time. After the first failure nothing new is begun. */
export async function eachOf<T>(items: readonly T[], limit: number, fn: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  let stopped = false
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      if (stopped) return
      try {
        await fn(item)
      } catch (error) {
        stopped = true
        throw error
      }
    }
  }
  const results = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, worker))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
