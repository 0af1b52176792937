import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { guidBytes } from '../../../src/tee/measure/guid.ts'
import { mrtd } from '../../../src/tee/measure/mrtd.ts'
import { replayPcr, type PcrEvent } from '../../../src/tee/measure/pcr.ts'
import { tdxRtmr0, tdxRtmr1, tdxRtmr2, type RtmrLayout } from '../../../src/tee/measure/rtmr.ts'
import { tdHob } from '../../../src/tee/measure/td-hob.ts'
import { parseTdvf, type TdvfSection } from '../../../src/tee/measure/tdvf.ts'
import { acpiFrom, compareWithLog, rtmrLogs, type RtmrLogs } from '../../../src/tee/measure/tdx-log.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { makeTdvf } from './tdvf-file.ts'

const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const gib = 2 ** 30
const none = Buffer.alloc(0)
const section = (type: TdvfSection['type'], gpa: number, size: number, data = none): TdvfSection => ({
  ...{ type, gpa, size, data },
  ...{ extend: false, augmented: false },
})
/** The ranges of all OVMF builds whose logs we have. */
const ranges = [
  section('temporary memory', 0x810000, 0x10000),
  section('temporary memory', 0x80b000, 0x2000),
  section('TD HOB', 0x809000, 0x2000),
  section('temporary memory', 0x800000, 0x6000),
]
/** SHA-384 of OVMF's empty variable store of 528 KiB; the file itself is too large for a vector. */
const emptyStore = '344bc51c980ba621aaa00da3ed7436f7d6e549197dfe699515dfa2c6583d95e6412af21c097d473155875ffd561d6790'

/** RTMR0 as predicted, with the digest of the store in place of its bytes. */
function rtmr0(logs: RtmrLogs, memory: number, secureBoot: Buffer, layout: RtmrLayout): PcrEvent[] {
  const events = tdxRtmr0(
    [...ranges, section('configuration', 0xffc00000, 0x84000)],
    ...([memory, acpiFrom(logs, 'log'), secureBoot, null, layout] as const),
  )
  return events.map((event, i) => (i === 1 ? { ...event, digest: hex(emptyStore) } : event))
}

interface Quote {
  quote: string
  event_log: string
}
function dstackLog(): RtmrLogs {
  const { event_log: text } = JSON.parse(
    readFileSync(vector('tee/dstack/verifier-fixtures/tdx-lite-getquote.json'), 'utf8'),
  ) as Quote
  const events = JSON.parse(text) as { imr: number; digest: string }[]
  return [0, 1, 2, 3].map((imr) => events.filter((e) => e.imr === imr).map((e) => hex(e.digest)))
}

withPeers(['vectors:tee/dstack'], 'RTMR0 to 2 of a real TD of 2 GiB, to the quoted value', async () => {
  const logs = dstackLog()
  const file = JSON.parse(readFileSync(vector('tee/dstack/verifier-fixtures/tdx-lite-getquote.json'), 'utf8')) as Quote
  const quote = hex(file.quote)
  // Header of 48 bytes, then the TD report: RTMR0 stands at 328.
  const quoted = [0, 1, 2].map((i) => quote.subarray(48 + 328 + i * 48, 48 + 376 + i * 48).toString('hex'))
  const events = [
    rtmr0(logs, 2 * gib, none, 'rtmr1'),
    tdxRtmr1(logs[1]?.[0] ?? none, 'rtmr1'),
    tdxRtmr2('', logs[2]?.[1] ?? none).map((event, i) => ({ ...event, digest: logs[2]?.[i] ?? none })),
  ]
  events.forEach((predicted, i) => {
    compareWithLog(i, predicted, logs, 'log')
    expect(replayPcr(predicted, 'sha384').toString('hex')).toBe(quoted[i])
  })
  expect(() => compareWithLog(0, rtmr0(logs, 3 * gib, none, 'rtmr1'), logs, 'log')).toThrow('event 1: TD HOB')
  expect(() => compareWithLog(0, rtmr0(logs, 2 * gib, Buffer.alloc(1), 'rtmr1'), logs, 'log')).toThrow('SecureBoot')
  expect(() => compareWithLog(0, rtmr0(logs, 2 * gib, none, 'rtmr0'), logs, 'log')).toThrow('separator')
  expect(() => compareWithLog(1, tdxRtmr1(logs[1]?.[0] ?? none, 'rtmr0'), logs, 'log')).toThrow('event 3')
  expect(() => compareWithLog(2, tdxRtmr2('', null), logs, 'log')).toThrow('event 1')
  expect(() => compareWithLog(1, tdxRtmr1(logs[1]?.[0] ?? none, 'rtmr1').slice(0, 4), logs, 'log')).toThrow('no more')
})

describe('real logs of older firmware', () => {
  withPeers(['vectors:tee/trustee/CCEL_data_ovmf'], 'a TD of 2 GiB', async () => {
    const logs = rtmrLogs(readFileSync(vector('tee/trustee/CCEL_data_ovmf')), 'log')
    compareWithLog(0, rtmr0(logs, 2 * gib, none, 'rtmr0'), logs, 'log')
    compareWithLog(1, tdxRtmr1(logs[1]?.[0] ?? none, 'rtmr0'), logs, 'log')
    expect(logs[2]).toHaveLength(2)
  })
  withPeers(['vectors:tee/eventlog/go-eventlog/CCEL_unpadded.data.bin'], 'a TD of 8 GiB without initrd', async () => {
    const logs = rtmrLogs(readFileSync(vector('tee/eventlog/go-eventlog/CCEL_unpadded.data.bin')), 'log')
    compareWithLog(0, rtmr0(logs, 8 * gib, Buffer.alloc(1), 'rtmr0'), logs, 'log')
    compareWithLog(1, tdxRtmr1(logs[1]?.[0] ?? none, 'rtmr0'), logs, 'log')
    expect(logs[2]).toHaveLength(1)
  })
  withPeers(['vectors:tee/eventlog/cc-trusted-api/test_data/ccel_data.bin'], 'a boot from disk differs', async () => {
    const logs = rtmrLogs(readFileSync(vector('tee/eventlog/cc-trusted-api/test_data/ccel_data.bin')), 'log')
    expect(() => compareWithLog(0, rtmr0(logs, 2 * gib, Buffer.alloc(1), 'rtmr0'), logs, 'log')).toThrow('BootOrder')
  })
  withPeers(['vectors:tee/trustee/CCEL_data'], 'td-shim has no ACPI events', async () => {
    const logs = rtmrLogs(readFileSync(vector('tee/trustee/CCEL_data')), 'log')
    expect(() => acpiFrom(logs, 'log')).toThrow('no ACPI events')
    expect(() => rtmrLogs(Buffer.from('no log'), 'log')).toThrow()
  })
})

describe('memory of a TD', () => {
  const list = (memory: number): [type: number, start: number, size: number][] => {
    const bytes = tdHob(ranges, memory)
    return Array.from({ length: (bytes.length - 56) / 48 }, (_, i) => {
      const at = 56 + i * 48
      const u64 = (offset: number): number => Number(bytes.readBigUInt64LE(at + offset))
      return [bytes.readUInt32LE(at + 24), u64(32), u64(40)]
    })
  }
  test('is split at 2 GiB from 2.75 GiB on, and nothing of it is lost', () => {
    for (const memory of [gib, 2 * gib, 2.75 * gib - 4096, 2.75 * gib, 3 * gib, 64 * gib]) {
      const rows = list(memory)
      expect(rows.reduce((sum, [, , size]) => sum + size, 0)).toBe(memory)
      expect(rows.at(-1)?.[1]).toBe(memory < 2.75 * gib ? 0x820000 : 4 * gib)
      expect(rows.filter(([type]) => type === 0)).toHaveLength(4)
    }
  })
  test('too little of it, ranges that overlap, no or two lists', () => {
    expect(() => tdHob(ranges, 0x810000)).toThrow('do not hold the ranges')
    expect(() => tdHob([...ranges, section('temporary memory', 0x808000, 0x2000)], gib)).toThrow('do not hold')
    expect(() => tdHob(ranges.slice(0, 2), gib)).toThrow('0 places')
    expect(() => tdHob([...ranges, section('TD HOB', 0x900000, 0x1000)], gib)).toThrow('2 places')
  })
})

describe('MRTD', () => {
  const page = (fill: number): Buffer => Buffer.alloc(4096, fill)
  const record = (name: string, gpa: number): Buffer => {
    const bytes = Buffer.alloc(128)
    bytes.write(name, 'latin1')
    bytes.writeUInt32LE(gpa, 16)
    return bytes
  }
  const chunks = (gpa: number, fill: number): Buffer[] =>
    Array.from({ length: 16 }, (_, i) => [record('MR.EXTEND', gpa + i * 256), Buffer.alloc(256, fill)]).flat()
  const firmware = { ...section('boot firmware', 0x10000, 8192, Buffer.concat([page(1), page(2)])), extend: true }

  test('two orders, and sections whose content does not count', () => {
    const memory = section('temporary memory', 0x20000, 4096)
    const added = record('MEM.PAGE.ADD', 0x20000)
    const [first, second] = [record('MEM.PAGE.ADD', 0x10000), record('MEM.PAGE.ADD', 0x11000)]
    const sum = (parts: Buffer[]): string => hash('sha384', Buffer.concat(parts))
    const byPage = [first, ...chunks(0x10000, 1), second, ...chunks(0x11000, 2), added]
    const bySection = [first, second, ...chunks(0x10000, 1), ...chunks(0x11000, 2), added]
    expect(mrtd([firmware, memory], 'page').toString('hex')).toBe(sum(byPage))
    expect(mrtd([firmware, memory], 'section').toString('hex')).toBe(sum(bySection))
    expect(mrtd([{ ...memory, augmented: true }], 'page').toString('hex')).toBe(sum([]))
  })
})

describe('metadata', () => {
  const sections = [
    { type: 0, gpa: 0xffc00000, size: 4096, offset: 0, raw: 4096, attributes: 1 },
    { type: 2, gpa: 0x809000, size: 8192, offset: 0, raw: 0, attributes: 0 },
  ]
  test('is read as it stands', () => {
    const found = parseTdvf(makeTdvf(sections), 'file')
    expect(found.map(({ type, gpa, size, extend }) => [type, gpa, size, extend])).toEqual([
      ['boot firmware', 0xffc00000, 4096, true],
      ['TD HOB', 0x809000, 8192, false],
    ])
    expect(found[0]?.data).toHaveLength(4096)
  })
  const [first] = sections
  if (first === undefined) throw new Error('two sections')
  test.each<[string, Buffer, string]>([
    ['a section that the file does not hold', makeTdvf([{ ...first, offset: 1 << 20 }]), 'not in the file'],
    ['more data than memory', makeTdvf([{ ...first, raw: 8192 }]), 'not in the file'],
    ['a measured section with holes', makeTdvf([{ ...first, raw: 2048 }]), 'does not fill'],
    ['half a page', makeTdvf([{ ...first, gpa: 100 }]), 'whole pages'],
    ['no page', makeTdvf([{ ...first, size: 0, raw: 0 }]), 'whole pages'],
    ['an unknown type', makeTdvf([{ ...first, type: 8 }]), 'section type 8'],
    ['unknown attributes', makeTdvf([{ ...first, attributes: 4 }]), 'attributes 4'],
    ['no sections', makeTdvf([]), '0 sections'],
    ['another version', makeTdvf(sections, { version: 2 }), 'version 2'],
    ['a length that does not fit', makeTdvf(sections, { length: 17 }), 'do not fit'],
    ['another signature', makeTdvf(sections, { signature: 'TDVG' }), 'without its signature'],
    ['an offset beyond the file', makeTdvf(sections, { offset: 1 << 30 }), 'outside of the file'],
    ['no metadata', makeTdvf(sections, { guid: guidBytes('00000000-0000-0000-0000-000000000001') }), 'no TDX metadata'],
    ['nothing', Buffer.alloc(0), 'no TDX metadata'],
  ])('with %s is refused', (_title, bytes, message) => {
    expect(() => parseTdvf(bytes, 'file')).toThrow(message)
  })
})
