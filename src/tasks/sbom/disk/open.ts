import { constants, createReadStream } from 'node:fs'
import { chmod, copyFile, mkdir, mkdtemp, open, rm, stat, statfs } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { writeStream } from '../../../base/write-file.ts'
import { InputError } from '../../../base/errors.ts'
import type { Ports } from '../../../base/ports.ts'
import { digesting } from '../../../base/streams.ts'
import { openSandbox } from '../../../build/sandbox/open.ts'
import { readErofs } from '../../../sbom/subjects/disk/erofs.ts'
import { readExt } from '../../../sbom/subjects/disk/ext.ts'
import { findFileSystem, type FileSystem } from '../../../sbom/subjects/disk/filesystem.ts'
import { choosePartition, readPartitions, type Partition, type ReadAt } from '../../../sbom/subjects/disk/partitions.ts'
import { readSquashfs } from '../../../sbom/subjects/disk/squashfs.ts'
import { diskTree } from '../../../sbom/subjects/disk/tree.ts'
import type { DiskContents, DiskPlace, RunTool } from '../../../sbom/subjects/disk/types.ts'
import type { Tree } from '../../../sbom/subjects/tree/types.ts'
import type { TaskContext } from '../../context.ts'
import { diskName, type DiskRequest } from '../request.ts'

/** A disk image whose file system lies open. */
export interface OpenedDisk {
  tree: Tree
  /** Of the whole image, hex. */
  sha256: string
  fileSystem: FileSystem
  /** Null where the image is one file system. */
  partition: Partition | null
}

const tools: Readonly<Record<FileSystem, { path: string; package: string }>> = {
  ext4: { path: '/usr/sbin/debugfs', package: 'e2fsprogs' },
  erofs: { path: '/usr/bin/fsck.erofs', package: 'erofs-utils' },
  squashfs: { path: '/usr/bin/unsquashfs', package: 'squashfs-tools' },
}

/**
 * Runs `use` with the root file system of a disk image. It is read by the tools of its file system in the sandbox, without mount or root, and
 * what they gave is removed afterwards.
 *
 * @throws InputError `tool-missing`, `unsupported`, `not-found`; VerificationError `format-invalid`
 */
export async function withDisk<T>(
  request: DiskRequest,
  context: TaskContext,
  use: (disk: OpenedDisk) => Promise<T>,
): Promise<T> {
  const { ports, work } = context
  const parent = await work.path('temp')
  await mkdir(parent, { recursive: true })
  const folder = await mkdtemp(join(parent, 'disk-'))
  try {
    const { path, sha256 } = await imageFile(request, folder, context)
    const file = await open(path, 'r')
    try {
      const { size } = await file.stat()
      const read: ReadAt = async (offset, length) => {
        if (offset < 0 || length < 0 || offset + length > size) return Buffer.alloc(0)
        const bytes = Buffer.alloc(length)
        let at = 0
        while (at < length) {
          const { bytesRead } = await file.read(bytes, at, length - at, offset + at)
          if (bytesRead === 0) break
          at += bytesRead
        }
        return bytes.subarray(0, at)
      }
      const partitions = await readPartitions(read, size)
      if (partitions === null && request.partition !== null) {
        throw new InputError('not-found', 'the disk image has no partition table', {
          subject: 'subject',
          remedy: 'Leave #NUMBER out.',
        })
      }
      const partition = partitions === null ? null : choosePartition(partitions, request.partition)
      const fileSystem = await findFileSystem(read, partition?.offset ?? 0)
      const place = await placeOf({ path, folder, partition, fileSystem }, ports)
      const contents = await readEntries(fileSystem, place, (offset, length) =>
        read(offset + (partition?.offset ?? 0), length),
      )
      return await use({ tree: diskTree(contents), sha256, fileSystem, partition })
    } finally {
      await file.close()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function readEntries(fileSystem: FileSystem, place: DiskPlace, read: ReadAt): Promise<DiskContents> {
  if (fileSystem === 'ext4') return readExt(place)
  return fileSystem === 'squashfs' ? readSquashfs(place) : readErofs(place, read)
}

/** The image as a file that the sandbox may read, with its SHA-256. A worker writes down what the step streams (TRUST §4). */
async function imageFile(
  { path, name }: DiskRequest,
  folder: string,
  { ports, caller }: TaskContext,
): Promise<{ path: string; sha256: string }> {
  const copy = join(folder, basename(name))
  if (ports.remote !== undefined) {
    // A path of the job means nothing here.
    if (path !== null)
      throw new InputError('input-invalid', 'a worker reads no path of the job', { subject: 'subject' })
    const { stream, result } = digesting(await caller.fetch(diskName))
    await pipeline(Readable.from(stream), writeStream(copy, { mode: 0o644 }))
    await chmod(copy, 0o644)
    return { path: copy, sha256: result().digest.slice(7) }
  }
  if (path === null) throw new InputError('input-missing', 'the request names no disk image', { subject: 'subject' })
  const found = await stat(path).catch((cause: unknown) => {
    throw new InputError('file-missing', `subject: "${path}" is not there, or cannot be read`, {
      subject: 'subject',
      cause,
      remedy: 'Write disk:FILE with the path of a disk image.',
    })
  })
  if (!found.isFile()) {
    throw new InputError('file-invalid', `subject: "${path}" is not a file`, {
      subject: 'subject',
      remedy: 'Write disk:FILE with the path of a disk image; a folder is directory:PATH.',
    })
  }
  const { stream, result } = digesting(createReadStream(path, { highWaterMark: 1 << 20 }))
  for await (const chunk of stream) void chunk
  const sha256 = result().digest.slice(7)
  // Programs in the sandbox have another id: what is not for all must be copied for them.
  if ((found.mode & 0o004) !== 0) return { path, sha256 }
  await copyFile(path, copy, constants.COPYFILE_FICLONE)
  await chmod(copy, 0o644)
  return { path: copy, sha256 }
}

async function placeOf(
  options: { path: string; folder: string; partition: Partition | null; fileSystem: FileSystem },
  ports: Ports,
): Promise<DiskPlace> {
  const { folder, partition, fileSystem } = options
  const tool = tools[fileSystem]
  if ((await stat(tool.path).catch(() => null)) === null) {
    throw new InputError(
      'tool-missing',
      `the image is ${fileSystem}, which ${tool.path} reads, and it is not installed`,
      {
        subject: 'subject',
        remedy: `Install it: apt-get install ${tool.package}.`,
      },
    )
  }
  let { path } = options
  let offset = partition?.offset ?? 0
  if (fileSystem === 'erofs' && partition !== null) {
    // fsck.erofs of Debian 12 knows no offset.
    const own = join(folder, 'partition')
    const end = partition.offset + partition.size - 1
    await pipeline(createReadStream(path, { start: partition.offset, end }), writeStream(own, { mode: 0o644 }))
    await chmod(own, 0o644)
    path = own
    offset = 0
  }
  const out = join(folder, 'out')
  await mkdir(out)
  const { bavail, bsize } = await statfs(out)
  const mostBytes = Math.floor(bavail * bsize * 0.9)
  return { run: await runner(path, out, mostBytes, ports), inside, image: path, out, offset, mostBytes }
}

const inside = { image: '/disk/image', out: '/disk/out' } as const

async function runner(image: string, out: string, mostBytes: number, ports: Ports): Promise<RunTool> {
  const sandbox = await openSandbox('none', [], ports)
  return (command) =>
    sandbox.run({
      // What a lying image makes a program write ends with the disk's room, and not with the disk.
      command: ['/usr/bin/prlimit', `--fsize=${mostBytes}`, '--', ...command],
      as: 'user',
      cwd: inside.out,
      env: { LANG: 'C.UTF-8', TZ: 'UTC' },
      umask: '022',
      programs: 'machine',
      shared: [
        { from: image, at: inside.image, as: 'read' },
        { from: out, at: inside.out, as: 'own' },
      ],
    })
}
