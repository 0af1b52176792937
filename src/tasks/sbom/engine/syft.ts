import { createReadStream } from 'node:fs'
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { writeStream } from '../../../base/write-file.ts'
import { InputError, TransportError } from '../../../base/errors.ts'
import { digesting } from '../../../base/streams.ts'
import { openSandbox } from '../../../build/sandbox/open.ts'
import { isEncrypted } from '../../../encrypt/decrypt.ts'
import type { Image } from '../../../image/types.ts'
import { copyImage } from '../../../oci/copy.ts'
import { openLayout } from '../../../oci/layout.ts'
import type { Store } from '../../../oci/types.ts'
import type { SbomDocument } from '../../../sbom/documents/model.ts'
import { readSbom } from '../../../sbom/documents/read.ts'
import type { EngineFacts } from '../../../sbom/engines/types.ts'
import type { TaskContext } from '../../context.ts'
import { engineName, type EngineRequest } from '../request.ts'

/** What syft found, and which syft it was. */
export interface SyftFound {
  document: SbomDocument
  facts: EngineFacts
}

const inside = { program: '/engine/syft', source: '/engine/source', out: '/engine/out' } as const

/** What syft reads, and how. */
interface Scan {
  /** Folder that it sees; it belongs to the run. */
  folder: string
  as: 'read' | 'own'
  scheme: 'oci-dir' | 'dir'
  options?: readonly string[]
}

/** A syft that was placed and whose sandbox works. */
export interface Syft {
  /** Private folder of this run, which is removed afterwards. */
  folder: string
  scan(what: Scan): Promise<SyftFound>
}

/**
 * Runs `use` with a syft that sees nothing but what it is given, in the sandbox, without a network and with nothing of the job in its
 * environment (TRUST §4).
 *
 * @throws InputError `tool-missing`, `unsupported` (no sandbox); TransportError `tool-failed`
 */
export async function withSyft<T>(
  engine: EngineRequest,
  context: TaskContext,
  use: (syft: Syft) => Promise<T>,
): Promise<T> {
  const { ports, work } = context
  const parent = await work.path('temp')
  await mkdir(parent, { recursive: true })
  const folder = await mkdtemp(join(parent, 'syft-'))
  try {
    const program = join(folder, 'program')
    const sha256 = await placeProgram(engine, program, context)
    for (const name of ['out', 'tmp', 'home']) await mkdir(join(folder, name))
    const sandbox = await openSandbox('none', [], ports)
    const scan = async ({ folder: source, as, scheme, options = [] }: Scan): Promise<SyftFound> => {
      ports.log.progress('running syft')
      const done = await sandbox.run({
        command: [
          ...[inside.program, 'scan', `${scheme}:${inside.source}`, '-q', '-o', `syft-json=${inside.out}/syft.json`],
          ...(scheme === 'dir' ? ['--base-path', inside.source] : []),
          ...options,
        ],
        as: 'user',
        cwd: inside.out,
        env: { LANG: 'C.UTF-8', TZ: 'UTC', SYFT_CHECK_FOR_APP_UPDATE: 'false' },
        umask: '022',
        programs: 'machine',
        shared: [
          { from: program, at: inside.program, as: 'read' },
          { from: source, at: inside.source, as },
          { from: join(folder, 'out'), at: inside.out, as: 'own' },
          { from: join(folder, 'home'), at: '/build/home', as: 'own' },
          { from: join(folder, 'tmp'), at: '/tmp', as: 'own' },
        ],
      })
      if (done.code !== 0) {
        const why = done.stderr.trim().split('\n').slice(-3).join('; ')
        throw new TransportError('tool-failed', `syft ended with ${done.code}: ${why}`, {
          subject: 'syft',
          remedy: 'Use `engine: builtin`, or another syft.',
        })
      }
      const document = await readSbom(await readFile(join(folder, 'out/syft.json')), 'the output of syft')
      return { document, facts: { name: 'syft', version: versionOf(document), sha256 } }
    }
    return await use({ folder, scan })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * Runs syft over a copy of an image.
 *
 * @throws InputError `unsupported` (an encrypted image: its copy would lie decrypted on the disk), `tool-missing`; TransportError `tool-failed`
 */
export async function runSyft(
  store: Store,
  image: Image,
  engine: EngineRequest,
  context: TaskContext,
): Promise<SyftFound> {
  if (image.manifest.layers.some(isEncrypted)) {
    throw new InputError(
      'unsupported',
      `engine: "${engine.name}" cannot describe an encrypted image: syft reads files, and these would lie decrypted on the disk`,
      {
        subject: 'engine',
        remedy: 'Use `engine: builtin`, which decrypts in memory, or describe the image before it is encrypted.',
      },
    )
  }
  return withSyft(engine, context, async ({ folder, scan }) => {
    const layout = join(folder, 'layout')
    context.ports.log.progress('copying the image for syft')
    const target = openLayout(layout, 'localhost/syft', context.ports)
    await copyImage(store, target, image.descriptor.digest, { tag: 'image' })
    return scan({ folder: layout, as: 'own', scheme: 'oci-dir' })
  })
}

/** A program built from sources says that it has none. */
function versionOf({ engine }: SbomDocument): string | null {
  const version = engine?.version ?? null
  return version === null || !/^\d/.test(version) ? null : version
}

/** The program as a file that the sandbox may run, with its SHA-256. A worker takes its bytes from the step (TRUST §4). */
async function placeProgram(engine: EngineRequest, to: string, { ports, caller }: TaskContext): Promise<string> {
  const { program } = engine
  if (ports.remote === undefined) {
    if (program === null) throw new InputError('tool-missing', 'the request names no syft', { subject: 'engine' })
    await copyFile(program, to)
  } else {
    if (program !== null) {
      throw new InputError('input-invalid', 'a worker reads no path of the job', { subject: 'engine' })
    }
    await pipeline(Readable.from(await caller.fetch(engineName)), writeStream(to))
  }
  await chmod(to, 0o755)
  const { stream, result } = digesting(createReadStream(to))
  for await (const chunk of stream) void chunk
  return result().digest.slice('sha256:'.length)
}
