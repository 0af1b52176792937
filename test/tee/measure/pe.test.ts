import { hash } from 'node:crypto'
import { patchKernelHeader } from '../../../src/tee/measure/kernel-header.ts'
import { authenticode, parsePe, sectionDigest } from '../../../src/tee/measure/pe.ts'
import { makePe, optionalHeader } from './pe-file.ts'

const text = { name: '.text', content: Buffer.alloc(512, 1) }
const data = { name: '.data', content: Buffer.alloc(300, 2), virtualSize: 70_000 }
const sha256 = (...parts: Buffer[]): string => hash('sha256', Buffer.concat(parts))
const digest = (bytes: Buffer): string => authenticode(parsePe(bytes, 'pe'), 'sha256').toString('hex')
const certificateEntry = optionalHeader + 112 + 32

describe('Authenticode as firmware computes it', () => {
  test('leaves out checksum, certificate entry and certificates, and adds no padding', () => {
    const bytes = makePe([text, data], Buffer.from('tails'), Buffer.alloc(24, 9))
    expect(bytes.length % 8).not.toBe(0)
    const signed = [
      bytes.subarray(0, optionalHeader + 64),
      bytes.subarray(optionalHeader + 68, certificateEntry),
      bytes.subarray(certificateEntry + 8, bytes.length - 24),
    ]
    expect(digest(bytes)).toBe(sha256(...signed))
    bytes.writeUInt32LE(1, optionalHeader + 64)
    bytes.fill(7, bytes.length - 24)
    expect(digest(bytes)).toBe(sha256(...signed))
  })

  test('takes sections by their place in the file', () => {
    const bytes = makePe([text, data])
    const table = optionalHeader + 240
    const first = Buffer.from(bytes.subarray(table, table + 40))
    bytes.copyWithin(table, table + 40, table + 80)
    first.copy(bytes, table + 40)
    expect(digest(bytes)).toBe(
      sha256(
        bytes.subarray(0, optionalHeader + 64),
        bytes.subarray(optionalHeader + 68, certificateEntry),
        bytes.subarray(certificateEntry + 8),
      ),
    )
  })

  test('counts every other byte', () => {
    const bytes = makePe([text, data], Buffer.from('tail'))
    const plain = digest(bytes)
    for (const at of [
      2,
      optionalHeader + 16,
      optionalHeader + 68,
      certificateEntry + 8,
      1024,
      1024 + 512,
      bytes.length - 1,
    ]) {
      const other = Buffer.from(bytes)
      other[at] = (other[at] ?? 0) ^ 1
      expect(digest(other)).not.toBe(plain)
    }
  })

  test('a header without room for a certificate entry is hashed whole', () => {
    const bytes = makePe([text])
    bytes.writeUInt32LE(4, optionalHeader + 108)
    expect(digest(bytes)).toBe(sha256(bytes.subarray(0, optionalHeader + 64), bytes.subarray(optionalHeader + 68)))
  })
})

describe('PE images that are refused', () => {
  const faults: [string, string, (b: Buffer) => unknown][] = [
    ['no MZ', 'no MZ signature', (b) => b.writeUInt8(0)],
    ['no PE', 'no PE signature', (b) => b.writeUInt8(0, 64)],
    ['a PE header behind the end', 'leaves the file', (b) => b.writeUInt32LE(0xfffffff0, 0x3c)],
    ['no sections', '0 sections', (b) => b.writeUInt16LE(0, 70)],
    ['many sections', '97 sections', (b) => b.writeUInt16LE(97, 70)],
    ['an unknown magic', 'neither a PE32', (b) => b.writeUInt16LE(0x107, optionalHeader)],
    ['a short optional header', 'neither a PE32', (b) => b.writeUInt16LE(96, 84)],
    ['headers larger than the file', 'header size', (b) => b.writeUInt32LE(0x100000, optionalHeader + 60)],
    ['headers without the section table', 'header size', (b) => b.writeUInt32LE(64, optionalHeader + 60)],
    ['a section behind the end', 'leaves the file', (b) => b.writeUInt32LE(0x100000, optionalHeader + 240 + 20)],
    ['a section within the headers', 'leaves the file', (b) => b.writeUInt32LE(8, optionalHeader + 240 + 20)],
    ['a section of 4 GiB', 'bytes', (b) => b.writeUInt32LE(0xffffffff, optionalHeader + 240 + 8)],
    ['certificates in the middle', 'not at the end', (b) => b.writeUInt32LE(1024, certificateEntry)],
  ]
  test.each(faults)('%s', (_title, message, fault) => {
    const bytes = makePe([text], Buffer.alloc(0), Buffer.alloc(16))
    fault(bytes)
    expect(() => parsePe(bytes, 'pe')).toThrow(message)
  })

  test('cut at each length: a refusal, never another error', () => {
    const bytes = makePe([text, data], Buffer.alloc(0), Buffer.alloc(16))
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parsePe(bytes.subarray(0, length), 'pe')).toThrow(
        expect.objectContaining({ code: 'format-invalid' }) as Error,
      )
    }
  })
})

test('a section as it lies in memory', () => {
  const image = parsePe(makePe([data]), 'pe')
  expect(sectionDigest(image.sections[0]!, 'sha256').toString('hex')).toBe(sha256(data.content, Buffer.alloc(69_700)))
  const short = parsePe(makePe([{ ...data, virtualSize: 10 }]), 'pe')
  expect(sectionDigest(short.sections[0]!, 'sha256').toString('hex')).toBe(sha256(Buffer.alloc(10, 2)))
})

describe("QEMU's header patch", () => {
  const kernel = (protocol = 0x20f): Buffer => {
    const bytes = Buffer.alloc(4096)
    bytes.writeUInt16LE(0xaa55, 0x1fe)
    bytes.write('HdrS', 0x202, 'latin1')
    bytes.writeUInt16LE(protocol, 0x206)
    bytes.writeUInt8(1, 0x211)
    bytes.writeUInt32LE(0x7fffffff, 0x22c)
    return bytes
  }
  const gib = 2 ** 30
  const address = (memory: number, initrdSize = 5000): number =>
    patchKernelHeader(kernel(), { memory, initrdSize }, 'kernel').readUInt32LE(0x218)

  test('fills in loader, command line and initrd', () => {
    const bytes = patchKernelHeader(kernel(), { memory: gib, initrdSize: 5000 }, 'kernel')
    expect([bytes[0x210], bytes[0x211]]).toEqual([0xb0, 0x81])
    expect([0x218, 0x21c, 0x224, 0x228].map((at) => bytes.readUInt32LE(at))).toEqual([
      0x3ffd6000, 5000, 0xfe00, 0x20000,
    ])
  })
  test('memory above 2.75 GiB, or of 2 GiB, makes no difference', () => {
    expect([address(3 * gib), address(64 * gib)]).toEqual([address(2 * gib), address(2 * gib)])
    expect(address(gib)).not.toBe(address(2 * gib))
  })
  test('no initrd leaves its fields alone', () => {
    expect(patchKernelHeader(kernel(), { memory: gib, initrdSize: 0 }, 'kernel').readUInt32LE(0x21c)).toBe(0)
  })
  test('what is no such kernel', () => {
    expect(() => patchKernelHeader(Buffer.alloc(4096), { memory: gib, initrdSize: 0 }, 'kernel')).toThrow('no bzImage')
    expect(() => patchKernelHeader(Buffer.alloc(10), { memory: gib, initrdSize: 0 }, 'kernel')).toThrow('no bzImage')
    expect(() => patchKernelHeader(kernel(0x205), { memory: gib, initrdSize: 0 }, 'kernel')).toThrow('too old')
    expect(() => address(gib, 2 * gib)).toThrow('does not fit')
  })
})
