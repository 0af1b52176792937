import { readFileSync } from 'node:fs'
import { SealwrightError } from '../../../src/base/errors.ts'
import type { JsonObject } from '../../../src/base/json.ts'
import { readPublished, type Choice } from '../../../src/tee/published/read.ts'
import { flip } from '../../../testkit/mutate.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'

const hex = (letter: string): string => letter.repeat(96)
const choice = (technology: Choice['technology'] = null, pick: Record<string, string> = {}): Choice => ({
  technology,
  pick: new Map(Object.entries(pick)),
})
const read = (value: JsonObject, chosen = choice()) =>
  readPublished(Buffer.from(JSON.stringify(value)), chosen, 'file.json')

const release: JsonObject = {
  snp_measurement: hex('a'),
  tdx_measurement: { rtmr1: hex('b'), rtmr2: hex('C') },
  vm_shape: { cpus: 8, memory_mb: 32768, gpus: 0, disks: 3 },
  cmdline: 'readonly=on',
}

describe("Tinfoil's release", () => {
  const shape = { vcpus: 8, 'memory-mib': 32768, gpus: 0, disks: 3 }
  test('gives the launch digest, or RTMR1 and 2 with a word about the firmware', () => {
    expect(read(release, choice('snp'))).toMatchObject({
      covers: ['firmware', 'kernel', 'initrd', 'cmdline'],
      values: [{ shape, measured: { measurement: hex('a') } }],
      notes: [],
    })
    const tdx = read(release, choice('tdx'))
    expect(tdx.values).toEqual([{ shape, measured: { rtmr1: hex('b'), rtmr2: hex('c') } }])
    expect(tdx.covers).not.toContain('firmware')
    expect(tdx.notes[0]?.text).toMatch('mr-td')
  })
  test('is read out of its in-toto statement too', () => {
    const statement = { predicateType: 'https://tinfoil.sh/predicate/snp-tdx-multiplatform/v1', predicate: release }
    expect(read(statement, choice('snp'))).toEqual(read(release, choice('snp')))
    expect(() => read({ ...statement, predicateType: 'https://tinfoil.sh/predicate/other/v1' })).toThrow('known form')
  })
  test('needs a choice of technology, one that it has', () => {
    expect(() => read(release)).toThrow('values of snp, tdx')
    expect(() => read(release, choice('tpm'))).toThrow('no values of tpm')
  })
  test.each<[string, JsonObject, string]>([
    ['a short digest', { snp_measurement: hex('a').slice(1) }, '96 hex digits'],
    ['another letter', { snp_measurement: `${hex('a').slice(1)}g` }, '96 hex digits'],
    ['a number', { snp_measurement: 7 }, '96 hex digits'],
    ['zeros in a register', { tdx_measurement: { rtmr1: hex('0'), rtmr2: hex('c') } }, 'only zeros'],
    ['a register left out', { tdx_measurement: { rtmr1: hex('b') } }, 'rtmr2'],
    ['half a processor', { vm_shape: { cpus: 0.5, memory_mb: 1, gpus: 0, disks: 0 } }, 'cpus'],
    ['a shape that is a list', { vm_shape: [] }, 'vm_shape'],
  ])('%s is refused', (_, change, message) => {
    expect(() => read({ ...release, ...change }, choice('snp'))).toThrow(message)
  })
})

describe("Tinfoil's hardware", () => {
  test('gives the firmware of each platform', () => {
    const { values, covers } = read({ large: { mrtd: hex('a'), rtmr0: hex('b') }, small: { mrtd: hex('c') } })
    expect(covers).toEqual(['firmware'])
    expect(values).toEqual([
      { shape: { platform: 'large' }, measured: { 'mr-td': hex('a'), rtmr0: hex('b') } },
      { shape: { platform: 'small' }, measured: { 'mr-td': hex('c') } },
    ])
  })
  test('a platform with a wrong value is refused', () => {
    expect(() => read({ large: { mrtd: hex('a'), rtmr0: 'ab' } })).toThrow('rtmr0')
    expect(() => read({ '': { mrtd: hex('a') } })).toThrow('without a name')
  })
})

describe("values of Confidential Containers' releases", () => {
  const tdx = 'rvps:///github.com/confidential-containers/tdx'
  test('registers make a row for each release; the kernel is told as left out', () => {
    const found = read({
      [`${tdx}/mr_td:0.21.0`]: hex('a'),
      [`${tdx}/mr_td:0.22.0`]: hex('b'),
      [`${tdx}/kernel:0.21.0`]: hex('c'),
    })
    expect(found).toMatchObject({ name: 'confidential-containers', technology: 'tdx', covers: ['firmware'] })
    expect(found.values).toEqual([
      { shape: { release: '0.21.0' }, measured: { 'mr-td': hex('a') } },
      { shape: { release: '0.22.0' }, measured: { 'mr-td': hex('b') } },
    ])
    expect(found.notes.map(({ text }) => text)).toEqual([expect.stringContaining('tdx/kernel is not a register')])
  })
  test('a release without MRTD does not cover the firmware', () => {
    expect(read({ [`${tdx}/rtmr_1:1`]: hex('a') }).covers).toEqual([])
  })
  test.each<[string, JsonObject, string]>([
    ['an identifier without a release', { [`${tdx}/mr_td`]: hex('a') }, 'identifier'],
    ['no register at all', { [`${tdx}/kernel:1`]: hex('a') }, 'no value of a register'],
    ['a name of every object', { [`${tdx}/constructor:1`]: hex('a') }, 'identifier|no value of a register'],
    ['two publishers', { [`${tdx}/mr_td:1`]: hex('a'), 'rvps:///example.org/tdx/mr_td:1': hex('b') }, 'values of'],
    ['a short value', { [`${tdx}/mr_td:1`]: 'ab' }, '96 hex digits'],
  ])('%s is refused', (_, value, message) => {
    expect(() => read(value)).toThrow(new RegExp(message))
  })
})

describe("confos' manifest", () => {
  const entry = (path: string): JsonObject => ({ path, sha256: 'd'.repeat(64) })
  const variant = (smp: number, letter: string): JsonObject => ({
    smp,
    igvm: entry(`guest-smp${smp}.igvm`),
    measurement: { snp_launch_digest: hex(letter), algorithm: 'sha384', page_count: 9, vmsa_count: smp },
  })
  const manifest: JsonObject = {
    version: 3,
    build: { timestamp: '2026-07-01T00:00:00Z' },
    inputs: {},
    outputs: { disk_image: entry('disk.raw'), uki: entry('uki.efi') },
    snp_variants: [variant(2, 'a'), variant(4, 'b')],
    tdx: { mrtd: hex('1'), rtmr1: hex('2'), rtmr2: hex('3') },
  }
  test('gives a row for each number of processors, with the files by digest', () => {
    const found = read(manifest, choice('snp'))
    expect(found.values).toEqual([
      { shape: { vcpus: 2 }, measured: { measurement: hex('a') } },
      { shape: { vcpus: 4 }, measured: { measurement: hex('b') } },
    ])
    expect(found.inputs).toMatchObject({
      uki: { name: 'uki.efi', digest: `sha256:${'d'.repeat(64)}` },
      'igvm-4': { name: 'guest-smp4.igvm' },
    })
  })
  test('gives MRTD, RTMR1 and RTMR2, and no RTMR0', () => {
    const measured = { 'mr-td': hex('1'), rtmr1: hex('2'), rtmr2: hex('3') }
    expect(read(manifest, choice('tdx')).values).toEqual([{ shape: {}, measured }])
    const { tdx: _, ...snpOnly } = manifest
    expect(read(snpOnly).technology).toBe('snp')
  })
  test.each<[string, JsonObject, string]>([
    ['an older version', { version: 2 }, 'version 2'],
    ['two variants for one number of processors', { snp_variants: [variant(2, 'a'), variant(2, 'b')] }, 'two variants'],
    ['a variant that is a text', { snp_variants: ['x'] }, 'variant that is not an object'],
    [
      'too many variants',
      { snp_variants: Array.from({ length: 1025 }, (_, n) => variant(n + 1, 'a')) },
      'snp_variants',
    ],
    ['variants that are an object', { snp_variants: {} }, 'snp_variants'],
    [
      'a digest of a file cut short',
      { outputs: { disk_image: { path: 'x', sha256: 'ab' }, uki: entry('u') } },
      '64 hex',
    ],
    ['no UKI', { outputs: { disk_image: entry('x') } }, 'uki'],
    ['zeros', { tdx: { mrtd: hex('0'), rtmr1: hex('2'), rtmr2: hex('3') } }, 'only zeros'],
  ])('%s is refused', (_, change, message) => {
    expect(() => read({ ...manifest, ...change }, choice('tdx'))).toThrow(message)
  })
  test('a build with neither SNP nor TDX is refused', () => {
    const { tdx: _, ...rest } = manifest
    expect(() => read({ ...rest, snp_variants: [] })).toThrow('neither')
  })
})

describe('any file', () => {
  test.each([
    ['an empty object', '{}'],
    ['a list', '[]'],
    ['another document', '{"type":"https://sealwright.dev/reference-values/v1"}'],
    ['brackets without end', '['.repeat(100_000)],
  ])('%s is in no known form', (_, text) => {
    expect(() => readPublished(Buffer.from(text), choice(), 'file.json')).toThrow('known form')
  })
  test('a member that stands twice, bytes without a form, too many bytes', () => {
    const twice = JSON.stringify(release).replace('{', `{"snp_measurement":"${hex('f')}",`)
    expect(() => readPublished(Buffer.from(twice), choice('snp'), 'f')).toThrow('"snp_measurement" twice')
    expect(() => readPublished(Buffer.from('x'), choice(), 'f')).toThrow('not valid JSON')
    expect(() => readPublished(Buffer.alloc((4 << 20) + 1), choice(), 'f')).toThrow('more than')
  })
  test('`pick` is for a CoRIM', () => {
    expect(() => read(release, choice('snp', { measurement: 'x' }))).toThrow('is not a CoRIM')
  })
})

describe('a CoRIM', () => {
  const path = 'coco/rvps/unsigned-example-corim.cbor'
  const id = 'ACME/RoadRunner/31fb5abf-023e-4992-aa4e-95f9c1503bfa'
  withPeers([`vectors:${path}`], 'gives every digest of an identifier, where Trustee keeps the last', async () => {
    const bytes = readFileSync(vector(path))
    const found = readPublished(bytes, choice('tpm', { pcr11: await Promise.resolve(id) }), 'a.cbor')
    expect(found.values.map(({ measured }) => measured['pcr11']?.slice(0, 8))).toEqual([
      '87428fc5',
      '02638299',
      'a3a5e715',
    ])
    expect(found.covers).toEqual([])
    // Trustee's older drafts put tags 500 and 502 in front.
    const wrapped = Buffer.concat([Buffer.from('d901f4d901f6', 'hex'), bytes])
    expect(readPublished(wrapped, choice('tpm', { pcr11: id }), 'a.cbor')).toEqual(found)
  })
  withPeers([`vectors:${path}`], 'is refused where it, or what is asked of it, is wrong', async () => {
    const bytes = readFileSync(vector(path))
    const refused = (given: Choice, content: Buffer = bytes): unknown => {
      try {
        return readPublished(content, given, 'a.cbor')
      } catch (error) {
        return error
      }
    }
    expect(refused(choice())).toMatchObject({ code: 'input-missing', remedy: expect.stringContaining(id) as string })
    expect(refused(choice('tpm'))).toMatchObject({ subject: 'pick' })
    expect(refused(choice('tpm', { pcr11: `${id}0` }))).toMatchObject({
      message: expect.stringContaining('has no') as string,
    })
    expect(refused(choice('tpm', { measurement: id }))).toMatchObject({
      message: expect.stringContaining('no measured value') as string,
    })
    const signed = Buffer.from('d284404040f6', 'hex')
    expect(refused(choice('tpm', { pcr11: id }), signed)).toMatchObject({
      message: expect.stringContaining('signed CoRIM') as string,
    })
    const sha384 = Buffer.from(
      bytes.toString('hex').replace('8202815820', '8202810158').replace('82015820a3a5', '82075820a3a5'),
      'hex',
    )
    expect(refused(choice('tpm', { pcr11: id }), sha384)).toBeInstanceOf(SealwrightError)
    await Promise.resolve()
  })
  withPeers([`vectors:${path}`], 'every truncation and bit flip ends in values or in a refusal', async () => {
    const bytes = readFileSync(vector(path))
    const ends = (content: Buffer): 'values' | 'refused' => {
      try {
        return readPublished(content, choice('tpm', { pcr11: id }), 'a.cbor').values.length > 0 ? 'values' : 'refused'
      } catch (error) {
        if (error instanceof SealwrightError) return 'refused'
        throw error
      }
    }
    for (let size = 0; size < bytes.length; size++) expect(ends(bytes.subarray(0, size))).toBe('refused')
    const flips = Array.from({ length: bytes.length * 8 }, (_, bit) => ends(flip(bytes, bit)))
    expect(flips.filter((end) => end === 'refused').length).toBeGreaterThan(500)
    await Promise.resolve()
  })
})
