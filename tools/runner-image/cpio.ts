import { InputError } from '../../src/base/errors.ts'

/** One entry of an initrd: folders have no content, links hold their target. */
export interface CpioEntry {
  /** Without a leading slash. */
  path: string
  type: 'file' | 'dir' | 'link'
  /** Permission bits. */
  mode: number
  content: Uint8Array
}

const types = { file: 0o100000, dir: 0o040000, link: 0o120000 } as const
const trailer = 'TRAILER!!!'

/**
 * A cpio archive in the form "newc", which the kernel unpacks (Linux, early-userspace/buffer-format). Equal entries give equal bytes:
 * sorted by path, owner 0:0, time 0, inodes counted from 1.
 *
 * @throws InputError `input-invalid` for two entries with one path, or a path that is not plain
 */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : 1))
  const parts: Uint8Array[] = []
  sorted.forEach((entry, i) => {
    if (entry.path === sorted[i - 1]?.path || !/^[^/\0]+(\/[^/\0]+)*$/.test(entry.path) || entry.path === trailer) {
      throw new InputError(
        'input-invalid',
        `${JSON.stringify(entry.path)} cannot stand in an initrd, or stands twice`,
        {
          subject: entry.path,
        },
      )
    }
    parts.push(...record(entry.path, types[entry.type] | entry.mode, i + 1, entry.content))
  })
  parts.push(...record(trailer, 0, 0, new Uint8Array()))
  const whole = Buffer.concat(parts)
  // The kernel skips zeros between archives: the next one begins on a boundary of 4 bytes in any case; 512 is what cpio(1) writes.
  return Buffer.concat([whole, Buffer.alloc(-whole.length & 511)])
}

function record(path: string, mode: number, inode: number, content: Uint8Array): Uint8Array[] {
  const name = Buffer.from(`${path}\0`)
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0]
  const head = Buffer.from(`070701${fields.map((n) => n.toString(16).padStart(8, '0')).join('')}`)
  return [head, name, Buffer.alloc(-(head.length + name.length) & 3), content, Buffer.alloc(-content.length & 3)]
}
