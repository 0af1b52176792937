import type { Collector } from '../types.ts'

/**
 * The same collector, whose evidence brings what the makers of the hardware say along, so that a gate without collateral of its own can judge
 * it. The folder is read at each report: whoever keeps it fresh need not start anything anew.
 *
 * @param paths folders or files as `sealwright tee collateral fetch` fills them
 */
export function carrying(collector: Collector, paths: readonly string[]): Collector {
  if (paths.length === 0) return collector
  return {
    ...collector,
    collect: async (reportData, ports, runtimeLog) => {
      const [{ readCollateral }, { withCollateral }] = await Promise.all([
        import('./directory.ts'),
        import('./travel.ts'),
      ])
      const taken = await collector.collect(reportData, ports, runtimeLog)
      return withCollateral(taken, await readCollateral(paths), ports.clock.now())
    },
  }
}
