import { hash } from 'node:crypto'
import { banks, type Bank } from '../../../src/tee/measure/pe.ts'
import { replayPcr, type PcrEvent } from '../../../src/tee/measure/pcr.ts'
import type { HashedFile, NamedFile } from '../../../src/tee/predict/files.ts'
import { makePe } from '../measure/pe-file.ts'

/** A file in memory, in a folder that no document may show. */
export const named = (name: string, content: string | Buffer): NamedFile => ({
  name: `folder/${name}`,
  bytes: Buffer.from(content),
})

/** A file of which only size and digests are known. */
export const hashed = (name: string, content: string, only: readonly Bank[] = banks): HashedFile => ({
  name: `folder/${name}`,
  size: content.length,
  digests: new Map(only.map((bank) => [bank, hash(bank, content, 'buffer')])),
})

export const section = (name: string, content: string | Buffer): { name: string; content: Buffer } => ({
  name,
  content: Buffer.from(content),
})

/** A UKI with a stub of this release. */
export const ukiFile = (release: string, ...more: ReturnType<typeof section>[]): Buffer =>
  makePe([
    section('.sdmagic', `#### LoaderInfo: systemd-stub ${release} ####`),
    section('.linux', makePe([section('.text', 'kernel')])),
    section('.cmdline', 'quiet'),
    section('.initrd', 'initrd'),
    ...more,
  ])

/** A kernel with an EFI stub and a setup header of boot protocol 2.15. */
export function kernelFile(): Buffer {
  const bytes = makePe([section('.text', Buffer.alloc(8192, 1))])
  bytes.writeUInt16LE(0xaa55, 0x1fe)
  bytes.write('HdrS', 0x202, 'latin1')
  bytes.writeUInt16LE(0x20f, 0x206)
  bytes.writeUInt8(1, 0x211)
  bytes.writeUInt32LE(0x7fffffff, 0x22c)
  return bytes
}

export const sha256 = (content: string | Buffer): string => `sha256:${hash('sha256', content)}`
export const replayed = (events: readonly PcrEvent[] | null | undefined, bank: Bank): string =>
  replayPcr(events ?? [], bank).toString('hex')
