import { InputError } from '../../../base/errors.ts'
import type { ReadAt } from './partitions.ts'

export const fileSystems = ['ext4', 'erofs', 'squashfs'] as const
export type FileSystem = (typeof fileSystems)[number]

/** Where file systems say what they are; those without a reader here are named in the error. */
const marks: readonly [name: string, offset: number, hex: string][] = [
  ['ext4', 1080, '53ef'],
  ['erofs', 1024, 'e2e1f5e0'],
  ['squashfs', 0, '68737173'],
  ['xfs', 0, '58465342'],
  ['btrfs', 65_600, '5f42485266535f4d'],
  ['LUKS (encrypted)', 0, '4c554b53babe'],
  ['LVM', 536, '4c564d32'],
  ['FAT', 82, '4641543332'],
  ['FAT', 54, '4641543136'],
  ['ISO 9660', 32_769, '4344303031'],
  ['qcow2 (a virtual disk, not its bytes)', 0, '514649fb'],
  ['VMDK (a virtual disk, not its bytes)', 0, '4b444d56'],
]

/** The file system at an offset. @throws InputError `unsupported` for one that is not read, with what to do */
export async function findFileSystem(read: ReadAt, offset: number): Promise<FileSystem> {
  for (const [name, at, hex] of marks) {
    const bytes = await read(offset + at, hex.length / 2)
    if (bytes.toString('hex') !== hex) continue
    const known = fileSystems.find((one) => one === name)
    if (known !== undefined) return known
    throw unsupported(`the file system is ${name}`)
  }
  throw unsupported('the file system is not one that is known here')
}

function unsupported(why: string): InputError {
  return new InputError('unsupported', `${why}; ${fileSystems.join(', ')} are read`, {
    subject: 'subject',
    remedy:
      'Describe its root folder instead: mount the image read-only and use directory:PATH, or convert it (qemu-img convert -O raw).',
  })
}
