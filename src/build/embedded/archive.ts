import { InputError } from '../../base/errors.ts'
import type { ByteSource } from '../../base/streams.ts'
import { decompress } from '../../image/compress.ts'
import { readTar } from '../../tar/read.ts'
import { mediaTypes } from '../../oci/types.ts'
import { nodeOf, spoolBody } from './base-fs.ts'
import type { LayerDraft } from './draft.ts'
import { openContent, type Content } from './content.ts'
import type { Spool } from '../../image/spool.ts'

/** What a local file is to ADD, by its first bytes. */
export async function archiveKind(content: Content): Promise<'tar' | 'gzip' | 'zstd' | 'other' | null> {
  const head = await firstBytes(openContent(content), 512)
  const magic = head.subarray(0, 6).toString('latin1')
  if (magic.startsWith('\x1f\x8b\x08')) return (await holdsTar(content, 'gzip')) ? 'gzip' : null
  if (magic.startsWith('\x28\xb5\x2f\xfd')) return (await holdsTar(content, 'zstd')) ? 'zstd' : null
  // bzip2 and xz: Node has no decoder for these.
  if (magic.startsWith('BZh') || magic === '\xfd7zXZ\0') return 'other'
  return isTarHead(head) ? 'tar' : null
}

async function holdsTar(content: Content, kind: 'gzip' | 'zstd'): Promise<boolean> {
  return isTarHead(await firstBytes(plainBytes(content, kind), 512).catch(() => Buffer.alloc(0)))
}

function isTarHead(head: Buffer): boolean {
  return head.length === 512 && head.subarray(257, 262).toString('latin1') === 'ustar'
}

function plainBytes(content: Content, kind: 'tar' | 'gzip' | 'zstd'): ByteSource {
  const types = { tar: mediaTypes.layerTar, gzip: mediaTypes.layerGzip, zstd: mediaTypes.layerZstd }
  return decompress(types[kind], openContent(content))
}

async function firstBytes(source: ByteSource, count: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of source) {
    chunks.push(chunk)
    size += chunk.length
    if (size >= count) break
  }
  return Buffer.concat(chunks).subarray(0, count)
}

/**
 * Unpacks a local archive below a folder of the stage, with the archive's own owners and modes and clamped times. A link in the
 * stage or the archive never leads out of the stage's root.
 *
 * @throws InputError `file-invalid` · VerificationError `path-escape` from the tar reader
 */
export async function extractArchive(
  content: Content,
  kind: 'tar' | 'gzip' | 'zstd',
  folder: string,
  options: { draft: LayerDraft; spool: Spool; epoch: number; name: string },
): Promise<void> {
  const { draft, spool, epoch, name } = options
  const top = draft.ensureFolder(folder, null)
  const within = (path: string): string => (top === '' ? path : `${top}/${path}`)
  for await (const { header, body } of readTar(plainBytes(content, kind), name, { guests: false })) {
    if (header.path === '.') {
      // The archive's own root gives its owner and mode to the folder; that of the image stays as it is.
      if (top !== '') draft.place(top, nodeOf({ ...header, type: 'dir' }, epoch, null))
      continue
    }
    const full = within(header.path)
    const slash = full.lastIndexOf('/')
    const parent = slash < 0 ? '' : draft.ensureFolder(full.slice(0, slash), null)
    const path = parent === '' ? full.slice(slash + 1) : `${parent}/${full.slice(slash + 1)}`
    if (header.type === 'hardlink') {
      const target = draft.fs.get(draft.fs.resolve(within(header.link), true))
      if (target?.type !== 'file') {
        throw new InputError(
          'file-invalid',
          `${name}: hard link ${header.path} points at ${header.link}, which is no file`,
          {
            subject: name,
          },
        )
      }
      draft.place(path, target)
      continue
    }
    draft.place(path, nodeOf(header, epoch, header.type === 'file' ? await spoolBody(spool, body, header.size) : null))
  }
}
