import type { ActionContext, RawInputs } from '../doors/context.ts'

/** Serves the embedded KBS until the process is told to end. */
export async function kbsDevServer(
  inputs: RawInputs,
  context: ActionContext,
): Promise<{ outputs: Record<string, string> }> {
  inputs.required('directory')
  const directory = inputs.path('directory')
  const { startKbs } = await import('../kbs-server/server.ts')
  const kbs = await startKbs({ directory, listen: inputs.required('listen'), ports: context.ports })
  context.ports.log.info(
    `embedded KBS (not for production: believes evidence of samples and of software TPMs) on ${kbs.url}, data in ${directory}`,
  )
  context.ports.log.info('Ctrl-C ends it')
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
  })
  await kbs.close()
  return { outputs: { 'kbs-url': kbs.url } }
}
