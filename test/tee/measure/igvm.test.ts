import { readFileSync } from 'node:fs'
import { igvmSnpDigest } from '../../../src/tee/measure/igvm-snp.ts'
import { parseIgvm } from '../../../src/tee/measure/igvm.ts'
import { kernelHashes, kernelHashesPage } from '../../../src/tee/measure/kernel-hashes.ts'
import { LaunchContext } from '../../../src/tee/measure/launch-context.ts'
import { parseOvmf } from '../../../src/tee/measure/ovmf.ts'
import { snpFirmware, snpLaunchDigest } from '../../../src/tee/measure/snp.ts'
import { bootEip, vmsaPage } from '../../../src/tee/measure/vmsa.ts'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { IgvmFile } from './igvm-file.ts'

const page = (fill: number): Buffer => Buffer.alloc(4096, fill)
const digest = (file: IgvmFile): string => igvmSnpDigest(parseIgvm(file.bytes(), 'file'), 'file').toString('hex')
const snp = (): IgvmFile => new IgvmFile().platform(2, 1)

withPeers(['OVMF.amdsev.fd'], "a file made of Debian's OVMF gives the digest of the other way", async () => {
  const ovmf = parseOvmf(readFileSync(peer('OVMF.amdsev.fd')), 'ovmf')
  // Zero pages have a type of their own at QEMU's usual start, which IGVM does not know.
  const sections = ovmf.sections.filter(({ type }) => type !== 'memory' && type !== 'svsmCallingArea')
  expect(sections.length).toBeGreaterThanOrEqual(3)
  const hashes = kernelHashes(Buffer.alloc(32, 7), null, 'quiet')
  const shape = { vcpus: 3, vmm: 'QEMU', signature: 0xa00f11, features: 1n } as const
  const wanted = snpLaunchDigest({ ...snpFirmware(ovmf, 'ovmf'), sections }, shape, hashes).toString('hex')

  const file = snp().platform(3, 2)
  const start = 2 ** 32 - ovmf.image.length
  for (let at = 0; at < ovmf.image.length; at += 4096) file.page(start + at, ovmf.image.subarray(at, at + 4096))
  for (const { type, gpa } of sections) {
    if (type === 'secrets') file.page(gpa, null, { type: 1 })
    else if (type === 'cpuid') file.page(gpa, null, { type: 2 })
    else file.page(gpa, kernelHashesPage(ovmf.hashTableGpa ?? 0, hashes, 'ovmf'))
  }
  // Of another platform, and what the host sees: neither counts.
  file.page(0, page(9), { mask: 2 }).page(0, page(9), { flags: 4 })
  for (let index = 0; index < 3; index++) {
    const eip = index === 0 ? bootEip : (ovmf.resetEip ?? 0)
    file.processor(0xfffffffff000n, vmsaPage(eip, 'QEMU', shape.signature, shape.features), index)
  }
  expect(digest(file)).toBe(wanted)
})

test('each directive is one page of its kind', () => {
  const context = new LaunchContext()
  context.normal(0x1000, page(1))
  context.normal(0x2000, page(0))
  context.empty('unmeasured', 0x3000, 4096)
  context.empty('cpuid', 0x4000, 4096)
  context.empty('unmeasured', 0x5000, 8192)
  context.vmsaAt(0x9000n, page(2))
  const file = snp().area(5, 8192).page(0x1000, page(1)).page(0x2000, null).page(0x3000, page(3), { flags: 2 })
  file.page(0x4000, null, { type: 3 }).insert(0x5000, 5).processor(0x9000n, page(2))
  expect(digest(file)).toBe(context.digest().toString('hex'))
  const silent = snp().structure(0x101, Buffer.alloc(16)).structure(0x8000_0999, Buffer.alloc(5)).page(0x1000, page(1))
  expect(digest(silent)).toBe(digest(snp().page(0x1000, page(1))))
  expect(digest(snp().page(0x1000, page(1)))).not.toBe(digest(snp().page(0x2000, page(1))))
})

const good = snp().page(0x1000, page(1)).bytes()
const changed = (at: number, value: number): Buffer => {
  const bytes = Buffer.from(good)
  bytes.writeUInt8(value, at)
  return bytes
}
const body = (length: number): Buffer => Buffer.alloc(length)
test.each<[string, Buffer, string]>([
  ['nothing', Buffer.alloc(0), 'a size of 0'],
  ['another signature', changed(0, 0), 'without its signature'],
  ['format version 2', changed(4, 2), 'format version 2'],
  ['headers beyond the end', changed(15, 1), 'outside of the file'],
  ['headers within the fixed one', changed(8, 16), 'outside of the file'],
  ['another size', good.subarray(0, -1), 'in its header'],
  ['a bit flipped in a header', changed(30, 1), 'wrong checksum'],
  ['another checksum', changed(20, 0), 'wrong checksum'],
  ['a structure beyond the end', snp().structure(0x302, body(24)).bytes().subarray(0, 60), 'outside of the file'],
  ['an unknown structure', snp().structure(0x999, body(8)).bytes(), 'type 0x999'],
  ['a relocatable guest', snp().structure(0x102, body(48)).bytes(), 'type 0x102'],
  ['a page of 2 MiB', snp().page(0, page(1), { flags: 1 }).bytes(), 'page flags 1'],
  ['reserved page flags', snp().page(0, page(1), { flags: 8 }).bytes(), 'page flags 8'],
  ['an unknown page type', snp().page(0, page(1), { type: 4 }).bytes(), 'page type 4'],
  ['a page within a page', snp().page(100, page(1)).bytes(), 'within a page'],
  ['a page structure that is longer', snp().structure(0x302, body(25)).bytes(), 'follow the end'],
  ['a page structure that is shorter', snp().structure(0x302, body(23)).bytes(), 'beyond the input'],
  ['parameters without an area', snp().insert(0, 1).bytes(), 'parameter area 1'],
  ['an area twice', snp().area(1, 4096).area(1, 4096).bytes(), 'parameter area 1'],
  ['an area of half a page', snp().area(1, 2048).bytes(), 'parameter area 1'],
  ['a platform twice', snp().platform(2, 2).bytes(), 'two platforms'],
  ['a platform of two masks', new IgvmFile().platform(2, 3).bytes(), 'a mask 3'],
  ['a processor without state', snp().structure(0x304, body(20)).bytes(), 'without state'],
])('a file with %s is refused', (_title, bytes, message) => {
  expect(() => parseIgvm(bytes, 'file')).toThrow(message)
})

test('page data beyond the end', () => {
  const bytes = snp()
    .structure(0x302, Buffer.from(`${'00'.repeat(12)}00010000${'00'.repeat(8)}`, 'hex'))
    .bytes()
  expect(() => parseIgvm(bytes, 'file')).toThrow('not in the file')
})

test('a file for TDX alone gives no digest', () => {
  expect(() => digest(new IgvmFile().platform(3, 1).page(0, page(1)))).toThrow('does not start SEV-SNP')
})
