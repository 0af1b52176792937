import { existsSync } from 'node:fs'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { agentClient } from '../../../src/agent/client.ts'
import { toSealwrightError } from '../../../src/base/errors.ts'
import { sha256 } from '../../../src/base/streams.ts'
import { roles, type EventFacts } from '../../../src/journal/event.ts'
import { makePorts } from '../../../src/runner/make-ports.ts'
import { cli, type CliAnswer } from '../cli.ts'
import { succeeded, withSmallJob, type SmallJob } from './small-job.ts'

/** One line of the table; `skipped` says why an attack cannot be tried on this machine. */
export interface Attack {
  name: string
  expected: string
  found: string
  skipped?: string
}

const key = 'kbs:///demo/image-key/inside'
const digest = z.templateLiteral(['sha256:', z.string()])
const recordSchema = z.object({ image: z.object({ manifest: digest, config: digest }) })
const errorSchema = z.object({ error: z.object({ code: z.string() }).optional() })

/** Attacks of a step, and of a program that a build runs, on the agent of their own job: all on one live agent. */
export async function attackFromInside(
  directory: string,
  technology: string,
  show: (attack: Attack) => void,
  reasonOf: (answer: CliAnswer) => Promise<string>,
): Promise<void> {
  await withSmallJob(join(directory, 'inside'), technology, async (job) => {
    const file: unknown = JSON.parse(await readFile(join(job.state, 'agent.json'), 'utf8'))
    const { socket } = z.object({ socket: z.string() }).parse(file)
    const ports = makePorts({ env: {}, cwd: job.folder })
    const client = agentClient(socket, ports)
    const post = async (operation: string, body: object): Promise<string> => {
      const options = { method: 'POST', body: JSON.stringify(body), socketPath: socket }
      const response = await ports.http.request(`http://agent/v1/${operation}`, options)
      return errorSchema.parse(await response.json()).error?.code ?? 'done'
    }
    await job.run('build-reproducible', '--context', job.context, ...job.build, '--rebuilds', '1')
    await job.run('encrypt', '--recipients', key, '--kbs-url', `embedded:${join(job.folder, 'kbs')}`)

    for (const operation of ['create-key', 'take-key']) {
      const found = await post(operation, { uri: key, kbs: 'https://kbs.example' })
      show({ name: `a step asks the agent's socket for a key: ${operation}`, expected: 'not-found', found })
    }
    const elsewhere = { kbs: 'https://kbs.example', url: 'http://127.0.0.1:1', embedded: { resourcePolicy: null } }
    const nothing = { fetch: () => Promise.reject(new Error('nothing')), secret: async () => null }
    const published = client.task(
      'publish',
      { ...elsewhere, mode: 'apply', plan: null, written: null },
      { ...nothing, deliver: async () => {} },
    )
    const found = await published.then(
      () => 'done',
      (error: unknown) => toSealwrightError(error).code,
    )
    show({ name: 'a step has the key sent to another KBS', expected: 'role-mismatch', found })

    const { image, facts } = await builtElsewhere(job)
    const forged = await post('append', { ...facts, performer: 'agent' })
    show({ name: "a step writes a build event as the agent's own work", expected: 'input-invalid', found: forged })
    await client.append(facts)
    const claimed = await reasonOf(await signedAndJudged(job, image))
    show({ name: 'a step says that it built what was built elsewhere', expected: 'claimed-steps', found: claimed })
    show(await hostilePrepare(job, socket))
  })
}

/** An image from a build that this job's agent had no part in, and the event that a step would write about it. */
async function builtElsewhere({
  folder,
  state,
  context,
  build,
}: SmallJob): Promise<{ image: string; facts: EventFacts }> {
  const evil = join(folder, 'elsewhere')
  await cp(context, evil, { recursive: true })
  await writeFile(join(evil, 'hello.txt'), 'evil\n')
  const args = ['--context', evil, ...build, '--rebuilds', '1', '--state', join(folder, 'state-elsewhere')]
  const { outputs } = await succeeded(cli(['build-reproducible', ...args]))
  const path = outputs['build-record-path'] ?? ''
  const bytes = await readFile(path)
  const record = recordSchema.parse(JSON.parse(bytes.toString('utf8')))
  // Where `sign-attest` looks: any step of the job can write there.
  await writeFile(join(state, 'facts.json'), JSON.stringify({ 'build-record-path': path }))
  const artifact = (role: string, value: `sha256:${string}`): EventFacts['outputs'][number] => ({
    ...{ role, name: '', digest: value, mediaType: 'application/octet-stream' },
  })
  const { manifest, config } = record.image
  return {
    image: outputs['image'] ?? '',
    facts: {
      kind: 'build',
      inputs: [],
      outputs: [
        artifact(roles.image, manifest),
        artifact(roles.config, config),
        artifact(roles.buildRecord, sha256(bytes)),
      ],
      result: { reproducible: true, rebuilds: 1, independence: 'same-job' },
    },
  }
}

/** The honest steps do the rest; then the gate, by a policy that accepts all that this image lacks but the word of a step. */
async function signedAndJudged({ folder, run, ask }: SmallJob, image: string): Promise<CliAnswer> {
  const output = `oci:${join(folder, 'claimed')}:latest`
  const policy = join(folder, 'claimed.yml')
  await run('sbom', '--image', image)
  await run('sign-attest', '--image', image, '--output', output)
  await run('policy', 'init', '--image', output, '--output', policy)
  const lines = (await readFile(policy, 'utf8')).split('\n')
  await writeFile(policy, lines.filter((line) => !line.startsWith('accept-claimed-steps')).join('\n'))
  return ask('verify-deploy', '--image', output, '--policy', policy)
}

/** A dependency that `prepare` runs looks for the socket of the agent, which is there. */
async function hostilePrepare({ ask, build, context }: SmallJob, socket: string): Promise<Attack> {
  const name = "a program in prepare looks for the agent's socket"
  if (!existsSync(socket)) return { name, expected: 'finds nothing', found: 'there is no socket' }
  const seen = join(context, 'seen')
  const look = `if [ -e '${socket}' ] || [ -e '${seen}' ]; then exit 9; fi`
  await writeFile(seen, '')
  const { error } = await ask(
    'build-reproducible',
    '--context',
    context,
    ...build,
    '--rebuilds',
    '0',
    '--prepare',
    look,
  )
  if (error?.subject === 'sandbox') return { name, expected: 'finds nothing', found: '', skipped: error.message }
  return { name, expected: 'finds nothing', found: error === null ? 'finds nothing' : error.message }
}
