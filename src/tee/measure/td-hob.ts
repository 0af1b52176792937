import { InputError } from '../../base/errors.ts'
import type { TdvfSection } from './tdvf.ts'

const fourGiB = 0x1_0000_0000
const phitSize = 56
const resourceSize = 48
/** EFI_RESOURCE_SYSTEM_MEMORY, and EFI_RESOURCE_MEMORY_UNACCEPTED (UEFI PI 1.8). */
const resources = { accepted: 0, unaccepted: 7 } as const
/** Present, initialized and tested. */
const attributes = 7

interface Range {
  start: number
  end: number
}

/**
 * The list of memory ranges that QEMU (q35) hands to the firmware of a TD (hw/i386/tdvf-hob.c), without the end mark: these bytes are the first event
 * of RTMR0.
 *
 * @param memory bytes of the TD
 * @throws InputError `input-invalid` for memory that does not hold the firmware's own ranges
 */
export function tdHob(sections: readonly Pick<TdvfSection, 'type' | 'gpa' | 'size'>[], memory: number): Buffer {
  const accepted = sections
    .filter(({ type }) => type === 'TD HOB' || type === 'temporary memory')
    .map(({ gpa, size }) => ({ start: gpa, end: gpa + size }))
    .sort((a, b) => a.start - b.start)
  const hobs = sections.filter(({ type }) => type === 'TD HOB')
  const [hob] = hobs
  if (hob === undefined || hobs.length !== 1) {
    throw new InputError('unsupported', `the firmware has ${hobs.length} places for the list of memory, not one`, {
      subject: 'firmware',
      remedy: 'Take an OVMF that is built for TDX.',
    })
  }
  const entries = ram(memory).flatMap((range) => split(range, accepted))
  const covered = entries.filter(({ type }) => type === resources.accepted).length
  if (covered !== accepted.length || accepted.some(({ start }, i) => start < (accepted[i - 1]?.end ?? 0))) {
    throw new InputError('input-invalid', `${memory} bytes of memory do not hold the ranges that the firmware uses`, {
      subject: 'memory',
      remedy: 'Give the memory of the machine.',
    })
  }
  const bytes = Buffer.alloc(phitSize + entries.length * resourceSize)
  bytes.writeUInt16LE(1, 0) // EFI_HOB_TYPE_HANDOFF
  bytes.writeUInt16LE(phitSize, 2)
  bytes.writeUInt32LE(9, 8) // EFI_HOB_HANDOFF_TABLE_VERSION
  // Where the list ends: behind the end mark of 8 bytes.
  bytes.writeBigUInt64LE(BigInt(hob.gpa + bytes.length + 8), 48)
  entries.forEach(({ type, start, end }, i) => {
    const at = phitSize + i * resourceSize
    bytes.writeUInt16LE(3, at) // EFI_HOB_TYPE_RESOURCE_DESCRIPTOR
    bytes.writeUInt16LE(resourceSize, at + 2)
    bytes.writeUInt32LE(type, at + 24)
    bytes.writeUInt32LE(attributes, at + 28)
    bytes.writeBigUInt64LE(BigInt(start), at + 32)
    bytes.writeBigUInt64LE(BigInt(end - start), at + 40)
  })
  return bytes
}

/** q35 splits memory from 2.75 GiB on at 2 GiB: what lies above continues at 4 GiB. */
function ram(memory: number): Range[] {
  if (memory < 0xb000_0000) return [{ start: 0, end: memory }]
  return [
    { start: 0, end: 0x8000_0000 },
    { start: fourGiB, end: fourGiB + memory - 0x8000_0000 },
  ]
}

/** A range of memory, cut at those that the VMM has accepted already. */
function split({ start, end }: Range, accepted: readonly Range[]): (Range & { type: number })[] {
  const parts: (Range & { type: number })[] = []
  let at = start
  for (const inner of accepted) {
    if (inner.start < at || inner.end > end) continue
    if (inner.start > at) parts.push({ start: at, end: inner.start, type: resources.unaccepted })
    parts.push({ ...inner, type: resources.accepted })
    at = inner.end
  }
  if (at < end) parts.push({ start: at, end, type: resources.unaccepted })
  return parts
}
