import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { writeFile } from '../../base/write-file.ts'
import { TransportError } from '../../base/errors.ts'
import type { ExecResult, Ports } from '../../base/ports.ts'
import type { StepsFacts } from '../../statement/isolation.ts'
import { environmentFile, etcFiles, resolver, sandboxArgv } from './argv.ts'
import { viewHost } from './host.ts'
import { explainProbe, machineFacts, programFolders, requirePrograms } from './probe.ts'
import type { HostView, Order, SandboxNetwork } from './types.ts'
import { inside } from './types.ts'

/** A sandbox that was tried and works here. */
export interface Sandbox {
  readonly network: SandboxNetwork
  readonly view: HostView
  /** Runs one process to its end; with it ends everything that it started. A code that is not 0 is no error. */
  run(order: Order): Promise<ExecResult>
  /** Removes a folder in which files belong to subordinate ids. */
  discard(folder: string): Promise<void>
}

/** Environment of the programs that make the sandbox: nothing of the job's. */
const outside = { PATH: programFolders.join(':'), LANG: 'C' }

/**
 * Finds what of this machine the sandbox shows, and tries once a process whether one starts here.
 *
 * @param secret folders of the job that PATH can never show: its state, its output
 * @throws InputError `tool-missing`, `unsupported`, each with what to install or set
 */
export async function openSandbox(network: SandboxNetwork, secret: readonly string[], ports: Ports): Promise<Sandbox> {
  const view = await viewHost(network, secret, ports)
  const sandbox: Sandbox = {
    network,
    view,
    run: (order) => runOrder(order, network, view, ports),
    discard: (folder) => discard(folder, ports),
  }
  await tried(sandbox, ports)
  return sandbox
}

const probes = new Map<SandboxNetwork, Promise<void>>()

/** The machine does not change within a process. A failure is not kept: somebody may have mended it. */
async function tried(sandbox: Sandbox, ports: Ports): Promise<void> {
  const known = probes.get(sandbox.network)
  const probe = known ?? tryOut(sandbox, ports)
  probes.set(sandbox.network, probe)
  await probe.catch((error: unknown) => {
    probes.delete(sandbox.network)
    throw error
  })
}

async function tryOut({ network, view }: Sandbox, ports: Ports): Promise<void> {
  await requirePrograms(network)
  const order: Order = {
    command: ['true'],
    as: 'user',
    cwd: '/',
    env: {},
    shared: [],
    umask: '022',
    programs: 'machine',
  }
  const done = await runOrder(order, network, view, ports, 30_000)
  if (done.code === 0) return
  const { uid, username } = userInfo()
  throw explainProbe(await machineFacts(uid, username), network, done.stderr)
}

async function runOrder(
  order: Order,
  network: SandboxNetwork,
  shown: HostView,
  ports: Ports,
  timeoutMs?: number,
): Promise<ExecResult> {
  const view = order.programs === 'job' ? shown : { ...shown, tools: [], path: outside.PATH }
  await mkdir(ports.roots.temp, { recursive: true })
  // Private: nobody else reaches what lies in it, whatever its mode.
  const folder = await mkdtemp(join(ports.roots.temp, 'sealwright-sandbox-'))
  try {
    await mkdir(join(folder, 'etc'))
    for (const [name, text] of Object.entries(etcFiles)) await put(join(folder, 'etc', name), text)
    await put(join(folder, 'etc/resolv.conf'), network === 'none' ? '' : resolver)
    const env = { ...view.env, ...order.env, PATH: view.path, HOME: inside.home, TMPDIR: '/tmp' }
    await put(join(folder, 'env'), environmentFile(env))
    return await ports.exec.run('/bin/sh', sandboxArgv(order, network, view, folder), {
      env: outside,
      cwd: '/',
      allowFailure: true,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(order.onLine === undefined ? {} : { onLine: order.onLine }),
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The process inside has another id outside: whatever our umask is, it can read these. */
async function put(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: 'wx' })
  await chmod(path, 0o644)
}

async function discard(folder: string, ports: Ports): Promise<void> {
  const args = ['--user', '--map-root-user', '--map-auto', 'rm', '-rf', '--', folder]
  await ports.exec.run('/usr/bin/unshare', args, { env: outside, cwd: '/' })
}

/** What steps in the sandbox have. */
export function inSandbox(network: SandboxNetwork): StepsFacts {
  return { steps: 'sandbox', network }
}

/** The last lines of a process that failed, as an error of the kind that running it outside would give. */
export function failureOf(name: string, { code, stderr }: ExecResult): TransportError {
  const tail = stderr.trim().split('\n').slice(-5).join('\n')
  return new TransportError('tool-failed', `${name} ended with ${code}${tail === '' ? '' : `: ${tail}`}`, {
    subject: name,
  })
}
