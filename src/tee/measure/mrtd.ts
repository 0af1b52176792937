import { createHash } from 'node:crypto'
import { pageSize } from './ovmf.ts'
import type { TdvfSection } from './tdvf.ts'

/** Bytes of one TDH.MR.EXTEND. */
const chunkSize = 256

/** `page`: each page is added and measured before the next (QEMU 9 on); `section`: all pages of a section are added first (QEMU 8). */
export const pageOrders = ['page', 'section'] as const
export type PageOrder = (typeof pageOrders)[number]

/**
 * MRTD of a TD (TDX module base specification, TDH.MEM.PAGE.ADD and TDH.MR.EXTEND): one SHA-384 over a 128-byte record a page, and for measured
 * sections a record and the content for each 256 bytes. **Experimental**: no published vector joins a firmware file to the MRTD of real hardware.
 */
export function mrtd(sections: readonly TdvfSection[], order: PageOrder): Buffer {
  const sum = createHash('sha384')
  const record = (name: string, gpa: number): void => {
    const bytes = Buffer.alloc(128)
    bytes.write(name, 'latin1')
    bytes.writeBigUInt64LE(BigInt(gpa), 16)
    sum.update(bytes)
  }
  const extend = ({ gpa, data }: TdvfSection, from: number, to: number): void => {
    for (let at = from; at < to; at += chunkSize) {
      record('MR.EXTEND', gpa + at)
      sum.update(data.subarray(at, at + chunkSize))
    }
  }
  for (const section of sections) {
    for (let at = 0; at < section.size; at += pageSize) {
      if (!section.augmented) record('MEM.PAGE.ADD', section.gpa + at)
      if (order === 'page' && section.extend) extend(section, at, at + pageSize)
    }
    if (order === 'section' && section.extend) extend(section, 0, section.size)
  }
  return sum.digest()
}
