import { plainRequest } from './build-record.ts'
import { join } from 'node:path'
import { duplexPair } from 'node:stream'
import { errorFromRecord } from '../src/agent/error-record.ts'
import { launch } from '../src/agent/launch.ts'
import { runAgent, type RunningProcess } from '../src/agent/process.ts'
import { startMessageSchema } from '../src/agent/start-message.ts'
import { errorRecord } from '../src/base/errors.ts'
import type { Ports } from '../src/base/ports.ts'
import { sha256 } from '../src/base/streams.ts'
import { jcs } from '../src/encoding/jcs.ts'
import { spawnAgent, type RunningAgent, type SpawnOptions } from '../src/agent/spawn.ts'
import type { StartWorker } from '../src/agent/worker/start.ts'
import { makePorts } from '../src/runner/make-ports.ts'
import { roles, type EventDraft } from '../src/journal/event.ts'
import type { Digest } from '../src/oci/types.ts'
import type { BuildRecord } from '../src/statement/types.ts'
import { root } from './peers.ts'
import { testPorts } from './ports.ts'
import { performed } from './performed.ts'

/** Program of the agent when run from sources, for `SEALWRIGHT_AGENT_ENTRY` and {@link startAgent}. */
export const agentEntry = join(root, 'testkit/agent-entry.ts')

type Started = RunningAgent & { ports: Ports; directory: string }

/** A real agent process of its own, otherwise as {@link startAgent}: for what is told by a process, and lives or ends with it. */
export async function startAgentProcess(
  env: Record<string, string> = {},
  options: Partial<SpawnOptions> = {},
  base: Ports = testPorts(),
): Promise<Started> {
  return start(env, options, base, launch)
}

/**
 * An agent with `sample` evidence, in a fresh state directory unless one is given, that serves its socket from the test's own
 * process: for tests of its rules. Stop it: `await agent.client.stop()`.
 */
export async function startAgent(
  env: Record<string, string> = {},
  options: Partial<SpawnOptions> = {},
  base: Ports = testPorts(),
): Promise<Started> {
  return start(env, options, base, launchHere)
}

async function start(
  env: Record<string, string>,
  options: Partial<SpawnOptions>,
  base: Ports,
  how: typeof launch,
): Promise<Started> {
  const ports = { ...base, env: { ...base.env, ...env, SEALWRIGHT_AGENT_ENTRY: agentEntry } }
  const directory = options.directory ?? join(ports.roots.temp, 'state')
  const running = await spawnAgent(
    { entry: agentEntry, technology: 'sample', nonce: '', lifetime: 600, ...options, directory },
    ports,
    how,
  )
  return { ...running, ports, directory }
}

const here: RunningProcess[] = []

/** As `launch`, and as src/agent/main.ts makes its ports: what the process would not see, the agent does not see here. */
const launchHere: typeof launch = async (ports, given) => {
  const message = startMessageSchema.parse(given)
  const env = { PATH: ports.env['PATH'], HOME: ports.env['HOME'], ...message.environment }
  const made = makePorts({ env, cwd: message.directory })
  const running = await runAgent(message, made, workersHere(message.directory)).catch((error: unknown) => {
    throw errorFromRecord(errorRecord(error))
  })
  here.push(running)
  return { file: running.file, exited: running.ended.then(() => {}), end: () => running.stop('SIGTERM') }
}

/** Workers of an agent of the test's own process, in it too: what they may ask, and what becomes an event, is the same. */
export function workersHere(directory: string): StartWorker {
  return async () => {
    const [agentSide, workerSide] = duplexPair()
    const env = { PATH: process.env['PATH'], SEALWRIGHT_WORKER_DIRECTORY: join(directory, 'work') }
    const { serveWorker } = await import('../src/tasks/worker.ts')
    const ended = serveWorker(workerSide, makePorts({ env, cwd: directory }))
    return { duplex: agentSide, ended, kill: () => void agentSide.destroy() }
  }
}

// What a test that failed did not stop would keep jest's process alive.
if (typeof afterAll === 'function') {
  afterAll(async () => {
    for (const running of here.splice(0)) {
      running.stop('the tests are over')
      await running.ended
    }
  })
}

export const digestOf = (text: string): Digest => sha256(text) as Digest
const artifact = (role: string, digest: Digest): EventDraft['inputs'][number] => ({
  role,
  name: role,
  digest,
  mediaType: 'application/octet-stream',
})

/** Ready-made documents and events of a small job, for tests of the rules. */
export const plainImage = digestOf('plain manifest')
export const encryptedImage = digestOf('encrypted manifest')
export const config = Buffer.from(
  JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [digestOf('layer')] } }),
)
export const spdx = jcs({ spdxVersion: 'SPDX-2.3' })
export const cyclonedx = jcs({ bomFormat: 'CycloneDX' })
export const inventory = Buffer.from('{"path":"a"}\n{"path":"b"}\n')

export function buildRecord(change: Partial<BuildRecord> = {}): Buffer {
  const record: BuildRecord = {
    v: 1,
    source: {
      repository: 'https://example.org/app',
      commit: 'a'.repeat(40),
      tree: 'b'.repeat(40),
      clean: true,
      committed: 1_700_000_000,
    },
    context: { path: '.', digest: digestOf('context'), files: 3, bytes: 100 },
    containerfile: { path: 'Containerfile', digest: digestOf('containerfile'), byDefault: true },
    ...plainRequest(),
    image: { manifest: plainImage, config: sha256(config) as Digest },
    rebuilds: { count: 1, matched: 1, independence: 'same-job' },
    ...change,
  }
  return jcs(record)
}

export function buildEvent(record: Buffer = buildRecord(), image: Digest = plainImage, rebuilds = 1): EventDraft {
  return {
    kind: 'build',
    inputs: [artifact('context', digestOf('context'))],
    outputs: [
      artifact(roles.image, image),
      artifact(roles.config, sha256(config) as Digest),
      artifact(roles.buildRecord, sha256(record) as Digest),
    ],
    ...performed,
    result: { reproducible: true, rebuilds, independence: 'same-job' },
  }
}

export function sbomEvent(image: Digest = plainImage): EventDraft {
  return {
    kind: 'sbom',
    inputs: [artifact(roles.image, image), artifact(roles.config, sha256(config) as Digest)],
    outputs: [
      artifact(roles.spdx, sha256(spdx) as Digest),
      artifact(roles.cyclonedx, sha256(cyclonedx) as Digest),
      artifact(roles.inventory, sha256(inventory) as Digest),
    ],
    ...performed,
    result: { packages: 0, engine: 'sealwright' },
  }
}

export function encryptEvent(plain: Digest = plainImage): EventDraft {
  return {
    kind: 'encrypt',
    inputs: [artifact(roles.image, plain), artifact(roles.config, sha256(config) as Digest)],
    outputs: [artifact(roles.image, encryptedImage)],
    ...performed,
    result: {
      layers: [[digestOf('plain layer'), digestOf('cipher layer')]],
      recipients: [{ scheme: 'kbs', keyId: 'kbs:///default/image/key' }],
    },
  }
}

export function publishEvent(uri: string): EventDraft {
  return {
    kind: 'publish',
    inputs: [],
    outputs: [{ role: roles.resource, name: uri, digest: digestOf(uri), mediaType: 'application/octet-stream' }],
    ...performed,
    result: { uris: [uri] },
  }
}

export function verdict(change: Record<string, unknown> = {}): Buffer {
  return jcs({
    v: 1,
    verified: true,
    reasons: [],
    image: {
      reference: `registry.example/app@${plainImage}`,
      digest: plainImage,
      plainDigest: null,
      configDigest: null,
    },
    policy: { digest: digestOf('policy') },
    builder: { id: 'https://sealwright.dev/builder/v1/sample', technology: 'sample', level: null },
    job: { assurance: 'self-asserted', claims: {}, instance: 'f'.repeat(32), digest: null },
    exceptions: ['accept-sample'],
    checks: [],
    inputs: [{ kind: 'provenance', digest: digestOf('provenance') }],
    keys: ['another-key'],
    ...change,
  })
}

export function verifyEvent(document: Buffer = verdict(), image: Digest = plainImage): EventDraft {
  return {
    kind: 'verify',
    inputs: [artifact(roles.image, image), artifact(roles.policy, digestOf('policy'))],
    outputs: [artifact(roles.verdict, sha256(document) as Digest)],
    ...performed,
    result: { verified: true, exceptions: [] },
  }
}
