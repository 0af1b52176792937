/** Runs work as soon as what it weighs fits beside what runs already. */
export type Weighed = <T>(weight: number, run: () => Promise<T>) => Promise<T>

/**
 * Runs work side by side as long as its weights together stay below a limit, in the order of the calls. What weighs more than the limit runs alone.
 *
 * @param limit in the unit of the weights, such as bytes
 */
export function weighed(limit: number): Weighed {
  let free = limit
  const waiting: { weight: number; start: () => void }[] = []
  const next = (): void => {
    for (let first = waiting[0]; first !== undefined && first.weight <= free; first = waiting[0]) {
      waiting.shift()
      free -= first.weight
      first.start()
    }
  }
  return async (wanted, run) => {
    const weight = Math.min(wanted, limit)
    await new Promise<void>((start) => {
      waiting.push({ weight, start })
      next()
    })
    try {
      return await run()
    } finally {
      free += weight
      next()
    }
  }
}
