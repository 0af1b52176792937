import { readFileSync } from 'node:fs'
import { guidBytes, guidText } from '../../../src/tee/measure/guid.ts'
import { parseOvmf } from '../../../src/tee/measure/ovmf.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'

const path = 'tee/measure/sev-snp-measure/fixtures/ovmf_AmdSev_suffix.bin'
const sevMetadata = 'dc886566-984a-4798-a75e-5585a7bf67cc'
const footer = '96b582de-1fb2-45f7-baea-a366c55a082d'
const resetBlock = '00f771de-1a7e-4fcb-890e-68c77e2fb44e'

test('GUIDs go both ways', () => {
  expect(guidText(guidBytes(footer))).toBe(footer)
  expect(guidBytes(footer).toString('hex')).toBe('de82b596b21ff745baeaa366c55a082d')
})

withPeers(['vectors:tee/measure'], 'what the firmware says of itself', async () => {
  const { sections, hashTableGpa, resetEip, svsmEntry } = parseOvmf(readFileSync(vector(path)), 'ovmf')
  expect(sections.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['memory', 'secrets', 'cpuid', 'kernelHashes']) as unknown as string[],
  )
  expect(hashTableGpa).toBeGreaterThan(0)
  expect(resetEip).toBeGreaterThan(0)
  expect(svsmEntry).toBeNull()
})

test('a file without footer table says nothing', () => {
  const plain = parseOvmf(Buffer.alloc(4096), 'ovmf')
  expect(plain).toMatchObject({ sections: [], hashTableGpa: null, resetEip: null })
})

test.each([0, 1, 4095, 4097])('a file of %i bytes has no whole pages', (size) => {
  expect(() => parseOvmf(Buffer.alloc(size), 'ovmf')).toThrow('whole pages')
})

describe('one fault each', () => {
  const faults: [string, string, (b: Buffer) => void][] = [
    ['a footer table larger than the file', 'larger than the file', (b) => b.writeUInt16LE(0xffff, footerAt(b) - 2)],
    ['a footer table of no size', 'larger than the file', (b) => b.writeUInt16LE(3, footerAt(b) - 2)],
    [
      'an entry shorter than its header',
      'leaves the footer table',
      (b) => b.writeUInt16LE(17, b.indexOf(guidBytes(resetBlock)) - 2),
    ],
    [
      'an entry longer than the table',
      'leaves the footer table',
      (b) => b.writeUInt16LE(0x0fff, b.indexOf(guidBytes(resetBlock)) - 2),
    ],
    ['a GUID twice', 'a second entry', (b) => void guidBytes(resetBlock).copy(b, b.indexOf(guidBytes(sevMetadata)))],
    [
      'metadata before the file',
      'outside of the file',
      (b) => b.writeUInt32LE(0x10000, b.indexOf(guidBytes(sevMetadata)) - 6),
    ],
    [
      'metadata behind the file',
      'outside of the file',
      (b) => b.writeUInt32LE(3, b.indexOf(guidBytes(sevMetadata)) - 6),
    ],
    ['another signature', 'without its signature', (b) => b.writeUInt8(0x42, b.indexOf('ASEV'))],
    ['another version', 'of version 2', (b) => b.writeUInt32LE(2, b.indexOf('ASEV') + 8)],
    ['more items than bytes', 'do not fit', (b) => b.writeUInt32LE(60, b.indexOf('ASEV') + 12)],
    ['endless items', 'do not fit', (b) => b.writeUInt32LE(0xffffffff, b.indexOf('ASEV') + 12)],
    ['a length beyond the file', 'do not fit', (b) => b.writeUInt32LE(0x10000, b.indexOf('ASEV') + 4)],
    ['an unknown section', 'unknown SEV section type 9', (b) => b.writeUInt32LE(9, b.indexOf('ASEV') + 24)],
    ['a crooked address', 'whole pages', (b) => b.writeUInt32LE(0x801, b.indexOf('ASEV') + 16)],
    ['a section of no size', 'whole pages', (b) => b.writeUInt32LE(0, b.indexOf('ASEV') + 20)],
    ['a huge section', 'whole pages', (b) => b.writeUInt32LE(0xfffff000, b.indexOf('ASEV') + 20)],
  ]
  for (const [title, message, fault] of faults) {
    withPeers(['vectors:tee/measure'], title, async () => {
      const bytes = readFileSync(vector(path))
      fault(bytes)
      expect(() => parseOvmf(bytes, 'ovmf')).toThrow(message)
      expect(() => parseOvmf(bytes, 'ovmf')).toThrow(expect.objectContaining({ code: 'format-invalid' }) as Error)
    })
  }

  withPeers(
    ['vectors:tee/measure'],
    'any single bit of table and metadata: an answer or a refusal, never another error',
    async () => {
      const bytes = readFileSync(vector(path))
      const from = bytes.indexOf('ASEV')
      const ranges = [
        [from, from + 128],
        [footerAt(bytes) - 256, bytes.length],
      ] as const
      for (const [start, end] of ranges)
        for (let bit = start * 8; bit < end * 8; bit++) {
          const at = bit >> 3
          bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7))
          try {
            parseOvmf(bytes, 'ovmf')
          } catch (error) {
            expect(error).toMatchObject({ code: 'format-invalid' })
          }
          bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7))
        }
    },
  )
})

function footerAt(bytes: Buffer): number {
  return bytes.indexOf(guidBytes(footer))
}
