/**
 * The one entry of `dist/`: every stub calls `start` with what it is. Each part is a lazy chunk.
 *
 * @param entry `action:NAME`, `post:NAME`, `cli`, `agent`, `worker` or `threads`
 * @param distribution absolute folder that holds the stubs (`dist/`), with a trailing slash
 */
export async function start(entry: string, distribution: string): Promise<void> {
  const threads = `${distribution}threads/index.js`
  const entries = { agent: `${distribution}agent/index.js`, threads }
  const [kind, name = ''] = entry.split(':')
  switch (kind) {
    case 'action':
      return (await import('./doors/step.ts')).runStep(name, 'main', entries)
    case 'post':
      return (await import('./doors/step.ts')).runStep(name, 'post', entries)
    case 'agent':
      return startAgent(threads)
    case 'worker':
      return startWorker(threads)
    case 'threads':
      return (await import('./image/thread-main.ts')).main()
    default:
      return (await import('./cli/main.ts')).main(process.argv.slice(2), entries)
  }
}

async function startAgent(threads: string): Promise<void> {
  const { makePorts } = await import('./runner/make-ports.ts')
  const { main } = await import('./agent/main.ts')
  return main(makePorts({ env: process.env, cwd: process.cwd(), threads }))
}

async function startWorker(threads: string): Promise<void> {
  const { makePorts } = await import('./runner/make-ports.ts')
  const { main } = await import('./tasks/worker.ts')
  return main(makePorts({ env: process.env, cwd: process.cwd(), threads }))
}
