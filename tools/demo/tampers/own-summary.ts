import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cli, type CliAnswer } from '../cli.ts'
import { startMachine } from '../../../testkit/machine.ts'

/** A job that builds an image and then has its own agent vouch for it: the whole chain in one state, with a real agent. */
export async function ownSummary(directory: string, technology: string): Promise<CliAnswer> {
  const folder = join(directory, 'own-summary')
  const context = join(folder, 'context')
  await mkdir(context, { recursive: true })
  await writeFile(join(context, 'Containerfile'), 'FROM scratch\nCOPY hello.txt /hello.txt\n')
  await writeFile(join(context, 'hello.txt'), 'hello\n')
  const image = `oci:${join(folder, 'published')}:latest`
  const policy = join(folder, 'policy.yml')
  const inJob = (...args: string[]): Promise<CliAnswer> => cli([...args, '--state', join(folder, 'state')])
  const machine = technology === 'tpm' ? await startMachine() : null
  try {
    // The gate judges the machine here, by the policy below; without a token a verifier's nonce makes the reports fresh.
    const where =
      machine === null ? [] : ['--tpm-device', machine.device, '--verifier', 'none', '--nonce', 'verifier:demo']
    await done(inJob('setup-cvm-runner', '--technology', technology, ...where))
    const build = ['--context', context, '--builder', 'embedded', '--source-date-epoch', '0', '--rebuilds', '1']
    await done(inJob('build-reproducible', ...build))
    await done(inJob('sbom'))
    await done(inJob('sign-attest', '--output', image))
    await done(cli(['policy', 'init', '--image', image, '--output', policy]))
    return await inJob('verify-deploy', '--image', image, '--policy', policy, '--signer', 'agent')
  } finally {
    await inJob('agent', 'stop')
    await machine?.end()
  }
}

async function done(answer: Promise<CliAnswer>): Promise<void> {
  const { error } = await answer
  if (error !== null) throw new Error(`${error.code}: ${error.message}`)
}
