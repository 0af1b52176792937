import { rmSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { isAbandoned, ownedName } from '../../base/owned-name.ts'
import type { Ports } from '../../base/ports.ts'
import { readBlob, writeBlob } from '../layout-files.ts'
import { indexText, parseIndex, indexBytes } from '../layout-index.ts'
import type { EntryChange, LayoutPlace } from '../layout-place.ts'
import type { BlobReading, Descriptor, Digest } from '../types.ts'
import { heldFile, type HeldFile } from './held.ts'
import { indexFile, markerFile, readLayoutArchive } from './layout.ts'
import { readPlace, type ArchiveContent } from './read-place.ts'
import { replaceArchive } from './replace.ts'

/** A step of writing that is under way: what it adds is seen by this process alone until the archive is written. */
interface Step {
  /** Folder beside the archive with the new blobs, or null while there are none. */
  stage: Promise<string> | null
  readonly blobs: Map<Digest, number>
  readonly changes: EntryChange[]
  /** The entries with all changes, or null while there are none. */
  entries: Descriptor[] | null
}

const emptyIndex = { document: { schemaVersion: 2 }, entries: [] }

/**
 * An OCI archive that is read where it lies and written as a whole: new blobs wait in a folder beside it, and at the end of a step one new tar takes
 * its place. So a reader sees the old archive or the new one, whatever happens to this process. One such value serves all users of a file in a
 * process, who see each other's unwritten blobs; two processes that write the same archive do not lose each other's changes.
 *
 * @param file absolute path
 */
export function writePlace(file: string, ports: Ports): LayoutPlace {
  const name = `oci-archive:${file}`
  const folder = dirname(file)
  const held = heldFile(file, ports.roots.temp, readLayoutArchive)
  const present = async (): Promise<ArchiveContent> => {
    const found = await held()
    if (found !== null) return found.content
    throw new InputError('not-found', `"${file}" is not there`, { subject: file, remedy: 'Name an OCI archive.' })
  }
  const old = readPlace(name, present)
  let step: Step = newStep()
  let depth = 0
  let cleared: Promise<void> | null = null

  const drop = async (): Promise<void> => {
    const { stage } = step
    step = newStep()
    if (stage !== null) await rm(await stage, { recursive: true, force: true })
  }
  const write = async (): Promise<void> => {
    if (step.blobs.size === 0 && step.changes.length === 0) return
    try {
      await replaceArchive(file, ports, async () => {
        const base = writable(file, await held())
        const { document, entries } = await indexOf(base)
        const changed = step.changes.reduce((all, change) => change(all), entries)
        const stage = (await step.stage) ?? ''
        const added = [...step.blobs].filter(([digest, size]) => sizeIn(base, digest) !== size)
        if (base !== null && changed === entries && added.length === 0) return null
        return {
          mark: base?.mark ?? null,
          archive: base?.archive ?? null,
          index: indexText(document, changed),
          blobs: added.map(([digest, size]) => ({
            digest,
            size,
            bytes: () => readBlob(stage, { digest, size }, { piecewise: true }),
          })),
        }
      })
    } finally {
      await drop()
    }
  }
  const together = async <T>(work: () => Promise<T>): Promise<T> => {
    depth++
    try {
      return await work()
    } catch (error) {
      if (depth === 1) await drop()
      throw error
    } finally {
      if (--depth === 0) await write()
    }
  }

  return {
    ...old,
    together,
    prepare: async () => {
      writable(file, await held())
      await mkdir(folder, { recursive: true })
      // A writer that was killed after its archive was whole: nothing may be left to write, and so to clear away later.
      await (cleared ??= clearAbandoned(folder, ports))
    },
    require: async () => {
      if (step.blobs.size === 0) await present()
    },
    size: async (digest) => {
      const size = step.blobs.get(digest)
      if (size !== undefined) return size
      return (await held()) === null ? null : old.size(digest)
    },
    read: (want, how) =>
      step.stage !== null && step.blobs.has(want.digest) ? staged(step.stage, want, how) : old.read(want, how),
    write: async (source, expect) => {
      step.stage ??= newStage(folder, ports)
      const written = await writeBlob(await step.stage, source, expect)
      step.blobs.set(written.digest, written.size)
      return written
    },
    index: async () => {
      if (step.entries !== null) return { entries: step.entries, bad: null }
      return (await held()) === null && step.blobs.size > 0 ? { entries: [], bad: null } : old.index()
    },
    change: (change) =>
      together(async () => {
        step.entries ??= (await indexOf(writable(file, await held()))).entries
        const changed = change(step.entries)
        if (changed === step.entries) return
        step.entries = changed
        step.changes.push(change)
      }),
  }
}

async function* staged(
  stage: Promise<string>,
  want: { digest: Digest; size: number },
  how?: BlobReading,
): AsyncGenerator<Uint8Array> {
  yield* readBlob(await stage, want, how)
}

function sizeIn(base: HeldFile<ArchiveContent> | null, digest: Digest): number | null {
  const member = base?.content.member(digest) ?? null
  return member === null || base === null ? null : base.archive.size(member)
}

function newStep(): Step {
  return { stage: null, blobs: new Map(), changes: [], entries: null }
}

async function indexOf(base: HeldFile<ArchiveContent> | null): Promise<ReturnType<typeof parseIndex>> {
  const bytes = await base?.archive.read(indexFile, indexBytes)
  return bytes === undefined || bytes === null ? emptyIndex : parseIndex(bytes.toString('utf8'), indexFile)
}

/** @throws InputError `unsupported` for a compressed archive, `exists` for one with other members, which a new one would lose */
function writable<T>(file: string, base: HeldFile<T> | null): HeldFile<T> | null {
  const refuse = (code: 'exists' | 'unsupported', why: string): InputError =>
    new InputError(code, `"${file}" ${why}`, { subject: file, remedy: 'Name a new file.' })
  if (base === null) return base
  const { compression, names } = base.archive
  if (compression !== null)
    throw refuse('unsupported', `is compressed with ${compression}, and only a plain tar is written`)
  const foreign = names.find((one) => one !== markerFile && one !== indexFile && !one.startsWith('blobs/'))
  if (foreign !== undefined) throw refuse('exists', `holds more than an OCI layout (${foreign})`)
  return base
}

/** Folders of this process; those that are removed already do no harm. */
const stages = new Set<string>()

async function clearAbandoned(folder: string, ports: Ports): Promise<void> {
  for (const name of await readdir(folder)) {
    if (await isAbandoned(folder, name, ports.clock.now().getTime()))
      await rm(join(folder, name), { recursive: true, force: true })
  }
}

/** A folder for new blobs beside the archive; what killed writers left is cleared away. */
async function newStage(folder: string, ports: Ports): Promise<string> {
  await clearAbandoned(folder, ports)
  const stage = join(folder, ownedName('tmp'))
  await mkdir(join(stage, 'blobs', 'sha256'), { recursive: true, mode: 0o700 })
  // Blobs that no manifest named in the end are of no use to anyone.
  if (stages.size === 0)
    process.once('exit', () => stages.forEach((path) => rmSync(path, { recursive: true, force: true })))
  stages.add(stage)
  return stage
}
