import { jcs } from '../../../src/encoding/jcs.ts'
import { SealwrightError } from '../../../src/base/errors.ts'
import { igvmSnpDigest } from '../../../src/tee/measure/igvm-snp.ts'
import { parseIgvm } from '../../../src/tee/measure/igvm.ts'
import { mrtd } from '../../../src/tee/measure/mrtd.ts'
import { authenticode, parsePe } from '../../../src/tee/measure/pe.ts'
import { parseTdvf } from '../../../src/tee/measure/tdvf.ts'
import { sectionDigests, stubVersion, ukiSections } from '../../../src/tee/measure/uki.ts'
import { parseVariableStore } from '../../../src/tee/measure/variable-store.ts'
import { parseReferenceValues, referenceValuesType } from '../../../src/tee/reference/values.ts'
import { IgvmFile } from './igvm-file.ts'
import { makePe } from './pe-file.ts'
import { makeStore } from './store-file.ts'
import { makeTdvf } from './tdvf-file.ts'

const section = { type: 0, gpa: 0xffc00000, size: 4096, offset: 0, raw: 4096, attributes: 1 }
const part = (name: string, content: string): { name: string; content: Buffer } => ({
  name,
  content: Buffer.from(content),
})
const row = { shape: { vcpus: 1 }, measured: { measurement: '0'.repeat(96) } }

/** Each reads foreign bytes; `where` are the bytes that say something about their structure. */
const readers: Record<string, { good: Buffer; where: [from: number, to: number]; read(bytes: Buffer): unknown }> = {
  'TDX firmware': {
    good: makeTdvf([section, { ...section, type: 2, attributes: 0 }]),
    where: [14300, 16384],
    read: (bytes) => mrtd(parseTdvf(bytes, 'file'), 'page'),
  },
  'variable store': {
    good: makeStore([{ name: 'PK' }, { name: 'db' }]),
    where: [0, 400],
    read: (bytes) => parseVariableStore(bytes, 'file').get('8be4df61-93ca-11d2-aa0d-00e098032b8c', 'PK'),
  },
  'IGVM file': {
    good: new IgvmFile().platform(2, 1).area(1, 4096).page(4096, Buffer.alloc(4096, 1)).insert(8192, 1).bytes(),
    where: [0, 140],
    read: (bytes) => igvmSnpDigest(parseIgvm(bytes, 'file'), 'file'),
  },
  UKI: {
    good: makePe([
      part('.sdmagic', '#### LoaderInfo: systemd-stub 257 ####'),
      part('.linux', 'x'),
      part('.profile', 'y'),
    ]),
    where: [0, 1024],
    read: (bytes) => {
      const image = parsePe(bytes, 'file')
      authenticode(image, 'sha256')
      return sectionDigests(ukiSections(image, stubVersion(image, 'file'), 0, 'file'), 'sha256')
    },
  },
  'reference values': {
    good: jcs({
      type: referenceValuesType,
      ...{ name: 'x', technology: 'snp', covers: ['firmware'], storage: 'sealed', level: 'machine-only' },
      ...{ inputs: { firmware: { name: 'f', digest: null } }, values: [row] },
    }),
    where: [0, 400],
    read: (bytes) => parseReferenceValues(bytes, 'file'),
  },
}

describe.each(Object.entries(readers))('%s', (_name, { good, where: [from, to], read }) => {
  const end = Math.min(to, good.length)
  const attempt = (bytes: Buffer): void => {
    try {
      read(bytes)
    } catch (error) {
      // Nothing but our own refusal may come out, whatever the bytes are.
      if (!(error instanceof SealwrightError) || error.exitCode === 4) throw error
    }
  }

  test('is read', () => {
    expect(() => read(good)).not.toThrow()
  })
  test('every truncation is refused or read, and so is every bit flip', () => {
    for (let length = from; length < end; length++) attempt(good.subarray(0, length))
    for (let at = from; at < end; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const bytes = Buffer.from(good)
        bytes.writeUInt8((bytes[at] ?? 0) ^ (1 << bit), at)
        attempt(bytes)
      }
    }
  })
  test('so are 3,000 changes of several bytes', () => {
    // A generator of its own, so that a failure comes again.
    let state = 1
    const next = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
      return state % below
    }
    for (let n = 0; n < 3000; n++) {
      const bytes = Buffer.from(good)
      for (let k = 0; k <= next(8); k++) {
        const value = [0, 0xff, 0x7f, 0x80, 1, next(256)][next(6)] ?? 0
        bytes.writeUInt8(value, from + next(end - from))
      }
      attempt(bytes)
    }
  })
})
