/**
 * The one entry of `dist/`: every stub calls `start` with what it is. Each part is a lazy chunk.
 *
 * @param entry `action:NAME`, `post:NAME`, `cli`, `agent` or `worker`
 * @param distribution absolute folder that holds the stubs (`dist/`), with a trailing slash
 */
export async function start(entry: string, distribution: string): Promise<void> {
  const entries = { agent: `${distribution}agent/index.js` }
  const [kind, name = ''] = entry.split(':')
  switch (kind) {
    case 'action':
      return (await import('./doors/step.ts')).runStep(name, 'main', entries)
    case 'post':
      return (await import('./doors/step.ts')).runStep(name, 'post', entries)
    case 'agent':
      return startAgent()
    case 'worker':
      return startWorker()
    default:
      return (await import('./cli/main.ts')).main(process.argv.slice(2), entries)
  }
}

async function startAgent(): Promise<void> {
  const { makePorts } = await import('./runner/make-ports.ts')
  const { main } = await import('./agent/main.ts')
  return main(makePorts({ env: process.env, cwd: process.cwd() }))
}

async function startWorker(): Promise<void> {
  const { makePorts } = await import('./runner/make-ports.ts')
  const { main } = await import('./tasks/worker.ts')
  return main(makePorts({ env: process.env, cwd: process.cwd() }))
}
