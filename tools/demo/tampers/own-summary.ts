import { join } from 'node:path'
import type { CliAnswer } from '../cli.ts'
import { withSmallJob } from './small-job.ts'

/** A job that builds an image and then has its own agent vouch for it: the whole chain in one state, with a real agent. */
export async function ownSummary(directory: string, technology: string): Promise<CliAnswer> {
  return withSmallJob(join(directory, 'own-summary'), technology, async ({ folder, context, build, run, ask }) => {
    const image = `oci:${join(folder, 'published')}:latest`
    const policy = join(folder, 'policy.yml')
    await run('build-reproducible', '--context', context, ...build, '--rebuilds', '1')
    await run('sbom')
    await run('sign-attest', '--output', image)
    await run('policy', 'init', '--image', image, '--output', policy)
    return ask('verify-deploy', '--image', image, '--policy', policy, '--signer', 'agent')
  })
}
