import { createHash } from 'node:crypto'
import { chmod, chown, lchown, link, mkdir, open, readdir, rm, symlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { requireEmpty } from '../base/files.ts'
import { named } from '../base/write-file.ts'
import type { Digest, Store } from '../oci/types.ts'
import type { MergedInventory } from './merged-inventory.ts'
import { nativePath } from '../tar/names.ts'
import { parentOf } from '../tar/paths.ts'
import type { Image, InventoryEntry, PassReader, PassResult, TarHeader } from './types.ts'
import type { PassOptions } from './layer-stream.ts'
import { readAgain } from './other-names.ts'
import type { FileSink, FileWriter } from './read-file.ts'
import { marks, type Row } from './rows.ts'
import { walkImage } from './walk.ts'

export interface UnpackResult extends PassResult {
  /** What could not be made, in words: devices, owners without root. */
  notes: string[]
}

/**
 * Unpacks the merged root file system of an image into an empty (or new) folder. Files are written as they flow by, into folders that this
 * function itself made; symbolic links are made last, so that nothing is ever written through one. Devices are left out. What was
 * written is removed again when anything fails, a digest at the very end included.
 *
 * @param readers further readers on the same pass
 * @throws InputError `exists` when the folder is not empty; VerificationError as {@link passImage}
 */
export async function unpackImage(
  store: Store,
  image: Image,
  directory: string,
  options: PassOptions & { readers?: readonly PassReader[] | undefined } = {},
): Promise<UnpackResult> {
  await requireEmpty(directory)
  await mkdir(directory, { recursive: true })
  try {
    return await new Unpacker(store, image, directory, options).run(options.readers ?? [])
  } catch (error) {
    for (const name of await readdir(directory)) await rm(join(directory, name), { recursive: true, force: true })
    throw error
  }
}

class Unpacker implements FileSink {
  private readonly store: Store
  private readonly image: Image
  private readonly root: string
  private readonly options: PassOptions
  private readonly asRoot = process.geteuid?.() === 0
  private readonly folders = new Set<string>(['.'])
  private readonly notes: string[] = []

  constructor(store: Store, image: Image, root: string, options: PassOptions) {
    this.store = store
    this.image = image
    this.root = root
    this.options = options
  }

  async run(readers: readonly PassReader[]): Promise<UnpackResult> {
    const { inventory, layers } = await walkImage(this.store, this.image, readers, this.options, this)
    await this.prune(inventory)
    for (const entry of inventory) if (entry.type === 'dir') await this.folder(entry.path)
    await this.hardLinks(inventory)
    for (const entry of inventory) await this.special(entry)
    // Deepest first: a folder without write permission takes nothing any more.
    for (const entry of inventory.reversed()) await this.attributes(entry, inventory)
    if (!this.asRoot) this.notes.push('owners are not set: this process is not root')
    return { image: this.image, layers, inventory, notes: this.notes }
  }

  async open(header: TarHeader): Promise<FileWriter> {
    return this.writer(header.path)
  }

  async drop(path: string): Promise<void> {
    await rm(this.place(path), { force: true })
  }

  private place(path: string): string | Buffer {
    const native = nativePath(path)
    return typeof native === 'string' ? join(this.root, native) : Buffer.concat([Buffer.from(`${this.root}/`), native])
  }

  private async folder(path: string): Promise<void> {
    if (path === '' || this.folders.has(path)) return
    await this.folder(parentOf(path))
    // A file of this layer may have been here before its folder came; `drop` took it away.
    await mkdir(this.place(path), { mode: 0o700 })
    this.folders.add(path)
  }

  /** Removes folders that were made for files which their layer took back. */
  private async prune(inventory: MergedInventory): Promise<void> {
    const kept = new Set(['.'])
    for (const { path } of inventory.ofType('dir')) kept.add(path)
    for (const folder of [...this.folders].filter((path) => !kept.has(path))) {
      await rm(this.place(folder), { recursive: true, force: true })
      this.folders.delete(folder)
    }
  }

  private async writer(path: string): Promise<FileWriter> {
    await this.folder(parentOf(path))
    if (this.folders.has(path)) {
      await rm(this.place(path), { recursive: true })
      for (const folder of this.folders)
        if (folder === path || folder.startsWith(`${path}/`)) this.folders.delete(folder)
    }
    // `wx` fails on anything that is there, a link included.
    const place = this.place(path)
    const file = await open(place, 'wx', 0o600)
    return {
      write: async (chunk) => {
        for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at).catch(named(place))).bytesWritten
      },
      close: () => file.close(),
    }
  }

  private async hardLinks(inventory: MergedInventory): Promise<void> {
    const { rows } = inventory
    const lost = new Map<Row, string[]>()
    for (const row of inventory.layerRows()) {
      if (rows.type(row) !== 'hardlink') continue
      const path = rows.path(row)
      const content = rows.contentOf(row)
      if (rows.type(content) !== 'file') continue
      await this.folder(parentOf(path))
      if (rows.is(content, marks.visible)) await link(this.place(rows.path(content)), this.place(path))
      else lost.set(content, [...(lost.get(content) ?? []), path])
    }
    await readAgain(this.store, this.image, { rows, wanted: [...lost.keys()] }, this.options, async (row, body) => {
      const [first, ...rest] = lost.get(row) as [string, ...string[]]
      const writer = await this.writer(first)
      const running = createHash('sha256')
      for await (const chunk of body) {
        running.update(chunk)
        await writer.write(chunk)
      }
      await writer.close()
      for (const path of rest) await link(this.place(first), this.place(path))
      return `sha256:${running.digest('hex')}` as Digest
    })
  }

  private async special(entry: InventoryEntry): Promise<void> {
    if (entry.type === 'symlink') {
      await this.folder(parentOf(entry.path))
      await symlink(nativePath(entry.link as string), this.place(entry.path))
      if (this.asRoot) await lchown(this.place(entry.path), entry.uid, entry.gid)
    } else if (entry.type === 'char' || entry.type === 'block' || entry.type === 'fifo') {
      this.notes.push(`left out: ${entry.path} (${entry.type === 'fifo' ? 'a pipe' : `a ${entry.type} device`})`)
    } else if (entry.type === 'hardlink' && entry.sha256 === undefined) {
      this.notes.push(`left out: ${entry.path} (another name of ${entry.link}, which is not a file)`)
    }
  }

  private async attributes(entry: InventoryEntry, inventory: MergedInventory): Promise<void> {
    if (entry.type !== 'file' && entry.type !== 'dir' && !(entry.type === 'hardlink' && entry.sha256 !== undefined))
      return
    const path = this.place(entry.path)
    // Changing the owner clears setuid: the mode comes after it.
    if (this.asRoot) await chown(path, entry.uid, entry.gid)
    await chmod(path, entry.mode)
    const row = inventory.layerRow(entry.path)
    const mtime = inventory.rows.mtime(row)
    if (row !== 0) await utimes(path, mtime, mtime)
  }
}
