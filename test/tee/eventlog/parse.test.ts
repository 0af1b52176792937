import { parseAael } from '../../../src/tee/eventlog/aael.ts'
import { coverage } from '../../../src/tee/eventlog/coverage.ts'
import { eventFacts, logFindings } from '../../../src/tee/eventlog/facts.ts'
import { digestOf } from '../../../src/tee/eventlog/hashes.ts'
import { parseEventLog } from '../../../src/tee/eventlog/parse.ts'
import { replay } from '../../../src/tee/eventlog/replay.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { bytesOf, flipped } from '../../../testkit/tee/tpm/vectors.ts'

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
const u16 = (value: number) => u32(value).subarray(0, 2)

/** SYNTHETIC: a log with one SHA-256 bank. */
function specification(register = 0, algorithms = [[0x0b, 32]], signature = 'Spec ID Event03\0'): Buffer {
  const list = algorithms.flatMap(([id, size]) => [u16(id ?? 0), u16(size ?? 0)])
  const data = Buffer.concat([
    Buffer.from(signature),
    Buffer.alloc(8),
    u32(algorithms.length),
    ...list,
    Buffer.alloc(1),
  ])
  return Buffer.concat([u32(register), u32(3), Buffer.alloc(20), u32(data.length), data])
}
function event(register: number, type: number, data: Buffer, digest = digestOf('sha256', data)): Buffer {
  return Buffer.concat([u32(register), u32(type), u32(1), u16(0x0b), digest, u32(data.length), data])
}
const locality = (value: number) =>
  event(0, 3, Buffer.from(`StartupLocality\0${String.fromCharCode(value)}`), Buffer.alloc(32))
const log = (...events: Buffer[]) => Buffer.concat([specification(), ...events])
const separator = event(0, 4, Buffer.alloc(4))
const parsed = (...events: Buffer[]) => parseEventLog(log(...events), 'tcg2')

describe('form', () => {
  test.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['an old SHA-1 log', specification(0, [[0x0b, 32]], 'Spec ID Event00\0')],
    ['a specification of another register', specification(1)],
    ['no algorithm', specification(0, [])],
    [
      'an algorithm twice',
      specification(0, [
        [0x0b, 32],
        [0x0b, 32],
      ]),
    ],
    ['a SHA-256 of 20 bytes', specification(0, [[0x0b, 20]])],
    ['register 32', log(event(32, 4, Buffer.alloc(4)))],
    ['a foreign algorithm', log(Buffer.concat([u32(0), u32(4), u32(1), u16(4), Buffer.alloc(20), u32(0)]))],
    ['no digest', log(Buffer.concat([u32(0), u32(4), u32(0), u32(0)]))],
    ['endless data', log(Buffer.concat([u32(0), u32(4), u32(1), u16(11), Buffer.alloc(32), u32(0xffffffff)]))],
    ['padding outside a CCEL', Buffer.concat([log(separator), Buffer.alloc(64, 0xff)])],
    ['a locality after a measurement', log(separator, locality(3))],
    ['a locality twice', log(locality(3), locality(3))],
    ['locality 1', log(locality(1))],
    ['a locality of another register', log(event(1, 3, Buffer.from('StartupLocality\0\x03')))],
  ])('%s is refused', (_what, bytes) => {
    expect(() => parseEventLog(bytes, 'tcg2')).toThrow(expect.objectContaining({ code: 'format-invalid' }) as Error)
  })

  test('a log cut at any byte is refused or has fewer events', () => {
    const whole = log(locality(3), separator, event(4, 13, Buffer.from('a label')))
    const ends = new Set([specification().length])
    for (const { offset } of parseEventLog(whole, 'tcg2').events) ends.add(offset)
    for (let length = 0; length < whole.length; length++) {
      if (ends.has(length)) continue
      expect(() => parseEventLog(whole.subarray(0, length), 'tcg2')).toThrow(/at byte/)
    }
  })

  test('a flipped bit of a digest changes the register; of a label nothing', () => {
    const label = event(4, 13, Buffer.from('a label'), Buffer.alloc(32, 5))
    const before = replay(parsed(label), 'sha256', 'tpm').get(4)
    for (let bit = 14 * 8; bit < 46 * 8; bit++) {
      expect(replay(parsed(flipped(label, bit)), 'sha256', 'tpm').get(4)).not.toEqual(before)
    }
    const relabelled = parsed(flipped(label, label.length * 8 - 1))
    expect(replay(relabelled, 'sha256', 'tpm').get(4)).toEqual(before)
    expect(eventFacts(relabelled.events[0]!, 'sha256')).toMatchObject({ covers: 'none', measured: null })
  })

  test.each<[string, Buffer]>([
    ['ff', Buffer.alloc(100, 0xff)],
    ['zeros', Buffer.alloc(100)],
    ['the marker and zeros', Buffer.concat([Buffer.alloc(8, 0xff), Buffer.alloc(50)])],
  ])('a CCEL may end with %s', (_what, padding) => {
    const bytes = Buffer.concat([specification(1), separator, padding])
    expect(parseEventLog(bytes, 'ccel').events).toHaveLength(1)
    expect(() => parseEventLog(Buffer.concat([bytes, Buffer.from([7])]), 'ccel')).toThrow(/at byte/)
  })
})

describe('replay', () => {
  test('begins with the locality in PCR 0 and ones in PCRs 17 to 22', () => {
    const digest = digestOf('sha256', Buffer.alloc(4))
    const from = (start: Buffer) => digestOf('sha256', start, digest)
    const first = Buffer.alloc(32)
    first[31] = 3
    expect(replay(parsed(locality(3), separator), 'sha256', 'tpm').get(0)).toEqual(from(first))
    expect(replay(parsed(separator), 'sha256', 'tpm').get(0)).toEqual(from(Buffer.alloc(32)))
    const drtm = parsed(event(17, 4, Buffer.alloc(4)))
    expect(replay(drtm, 'sha256', 'tpm').get(17)).toEqual(from(Buffer.alloc(32, 0xff)))
    expect(replay(drtm, 'sha256', 'ccel').get(17)).toEqual(from(Buffer.alloc(32)))
  })

  test('of a bank that the log does not have is refused', () => {
    expect(() => replay(parsed(separator), 'sha384', 'tpm')).toThrow(
      expect.objectContaining({ code: 'evidence-invalid' }) as Error,
    )
  })
})

describe('data', () => {
  const name = Buffer.from('BootOrder', 'utf16le')
  const variable = Buffer.concat([
    Buffer.alloc(16, 1),
    Buffer.from('0900000000000000', 'hex'),
    u32(2),
    u32(0),
    name,
    u16(7),
  ])

  test('is told only as far as its digest covers it', () => {
    const [whole, value, none] = parsed(
      event(7, 0x80000001, variable),
      event(1, 0x80000002, variable, digestOf('sha256', u16(7))),
      event(1, 0x80000002, variable, Buffer.alloc(32)),
    ).events
    expect(coverage(whole!, 'sha256')).toBe('data')
    expect(eventFacts(whole!, 'sha256')['measured']).toMatchObject({ name: 'BootOrder', value: { size: 2 } })
    expect(eventFacts(value!, 'sha256')).toMatchObject({ covers: 'variable-value', measured: { value: { size: 2 } } })
    expect(eventFacts(value!, 'sha256')['measured']).not.toHaveProperty('name')
    expect(eventFacts(none!, 'sha256')).toMatchObject({ covers: 'none', measured: null })
  })

  test('of a separator that lies about its kind is found', () => {
    const zeros = digestOf('sha256', Buffer.alloc(4))
    expect(logFindings(parsed(separator, event(4, 4, Buffer.alloc(4))), 'sha256', 'tpm')).toEqual([])
    expect(logFindings(parsed(separator, separator), 'sha256', 'tpm')).toEqual([
      expect.stringContaining('a separator too many'),
    ])
    expect(logFindings(parsed(event(4, 13, Buffer.from('grub'), zeros)), 'sha256', 'tpm')).toEqual([
      expect.stringContaining('under another type'),
    ])
    expect(logFindings(parsed(event(4, 4, Buffer.alloc(4), Buffer.alloc(32))), 'sha256', 'tpm')).toEqual([
      expect.stringContaining('not of its data'),
    ])
  })

  test('a TD has one separator for each PCR that its register stands for, and no more', () => {
    const end = (register: number) => event(register, 4, Buffer.alloc(4))
    const many = (register: number, count: number) => parsed(...Array.from({ length: count }, () => end(register)))
    for (const [register, most] of [
      [1, 2],
      [2, 5],
      [3, 1],
      [4, 1],
    ] as const) {
      expect(logFindings(many(register, most), 'sha256', 'ccel')).toEqual([])
      expect(logFindings(many(register, most + 1), 'sha256', 'ccel')).toEqual([
        expect.stringContaining('a separator too many'),
      ])
    }
  })

  test('of a broken AAEL record is named, not thrown', () => {
    const broken = Buffer.concat([Buffer.from('LEAA'), u32(3), Buffer.from('a b')])
    expect(() => parseAael(broken)).toThrow(/domain operation content/)
    expect(() => parseAael(broken.subarray(0, 10))).toThrow(/at byte/)
    expect(parseAael(Buffer.from('something else'))).toBeNull()
    expect(eventFacts(parsed(event(14, 6, broken)).events[0]!, 'sha256')['measured']).toEqual({
      kind: 'aael',
      aael: 'malformed',
    })
  })
})

withPeers(['vectors:tee/trustee/CCEL_data_ovmf'], 'a log of a real TD under OVMF is not ambiguous', async () => {
  expect(logFindings(parseEventLog(bytesOf('tee/trustee/CCEL_data_ovmf'), 'ccel'), 'sha384', 'ccel')).toEqual([])
})

withPeers(['vectors:coco/eventlog/CCEL_AAEL_alibabacloud'], 'AAEL records, content as measured', async () => {
  const { events } = parseEventLog(bytesOf('coco/eventlog/CCEL_AAEL_alibabacloud'), 'ccel')
  const records = events
    .map((entry) => eventFacts(entry, 'sha384').measured)
    .flatMap((said) => (said?.kind === 'aael' ? [{ aael: said.aael }] : []))
  expect(records).toEqual([
    { aael: { domain: 'coco.com', operation: 'some-operation', content: 'some-content' } },
    {
      aael: {
        domain: 'coco.com',
        operation: 'some-operation',
        content: '{"key": "value", "nested-key": {"sub-key": "value"}}',
      },
    },
  ])
})

withPeers(
  ['vectors:tee/tpm/keylime/create-mb-policy'],
  'Keylime’s broken and empty logs, and SHA-1 logs, are refused',
  async () => {
    for (const path of [
      'tee/tpm/keylime/create-mb-policy/binary_bios_measurements-bogus',
      'tee/tpm/keylime/create-mb-policy/binary_bios_measurements-empty',
      'tee/tpm/go-tpm-tools/eventlogs/debian-10.bin',
      'tee/eventlog/go-eventlog/legacydata/option_rom_eventlog',
      'tee/eventlog/go-eventlog/legacydata/ebs_event_missing_eventlog',
      'tee/eventlog/go-eventlog/legacydata/short_no_action_eventlog',
    ]) {
      expect(() => parseEventLog(bytesOf(path), 'tcg2')).toThrow(
        expect.objectContaining({ code: 'format-invalid' }) as Error,
      )
    }
  },
)

withPeers(['vectors:coco/eventlog/CCEL_data_csv'], 'a log with SM3 only is read but not replayed', async () => {
  const csv = parseEventLog(bytesOf('coco/eventlog/CCEL_data_csv'), 'ccel')
  expect(csv.banks).toEqual([])
  expect(() => replay(csv, 'sha384', 'ccel')).toThrow(/no sha384/)
})

describe('a log of TPM 1.2', () => {
  const old = (register: number, type: number, data: Buffer, digest = digestOf('sha1', data)): Buffer =>
    Buffer.concat([u32(register), u32(type), digest, u32(data.length), data])
  const events = Buffer.concat([
    old(0, 8, Buffer.from('v')),
    old(7, 4, Buffer.alloc(4)),
    old(0, 3, Buffer.from('label'), Buffer.alloc(20)),
  ])
  test('is refused by name as evidence, and shown', () => {
    expect(() => parseEventLog(events, 'tcg2')).toThrow('in the form of TPM 1.2: it has SHA-1 alone')
    const shown = parseEventLog(events, 'tcg2', 'log', true)
    expect(shown.banks).toEqual(['sha1'])
    expect(shown.events.map(({ register, extended }) => [register, extended])).toEqual([
      [0, true],
      [7, true],
      [0, false],
    ])
    expect(replay(shown, 'sha1', 'tpm').get(7)?.toString('hex')).toBe(
      digestOf('sha1', Buffer.alloc(20), digestOf('sha1', Buffer.alloc(4))).toString('hex'),
    )
  })
  test('every cut of it ends in a refusal or at an event', () => {
    const ends = new Set([0, 33, 69, events.length])
    for (let cut = 32; cut < events.length; cut++) {
      const read = (): unknown => parseEventLog(events.subarray(0, cut), 'tcg2', 'log', true)
      if (ends.has(cut)) expect(read()).toBeDefined()
      else expect(read).toThrow('ends beyond the input')
    }
  })
  test('a CCEL is never read so', () => {
    expect(() => parseEventLog(events, 'ccel', 'log', true)).toThrow('not a specification event')
  })
})
