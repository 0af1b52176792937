import { digestOf, hashSize, type BankHash } from '../../../src/tee/eventlog/hashes.ts'
import { eventTypeName } from '../../../src/tee/eventlog/event-types.ts'
import type { EventLog, LogEvent } from '../../../src/tee/eventlog/types.ts'
import {
  agentStart,
  encodeRecord,
  journalHead,
  parseRuntimeLog,
  recordData,
  recordDigests,
  registerFindings,
  registerName,
  replayRegister,
  type JournalHead,
} from '../../../src/tee/register/index.ts'
import { parseAael } from '../../../src/tee/eventlog/aael.ts'
import type { RegisterRecord } from '../../../src/tee/types.ts'

const own = { key: 'K'.repeat(43), job: `sha256:${'1'.repeat(64)}` } as const
const head = (count: number): JournalHead => ({ count, head: `sha256:${String(count).repeat(64).slice(0, 64)}` })
const start = agentStart(own)
const journals = [1, 4, 7].map((count) => journalHead(head(count)))
const seal = [start, ...journals.slice(0, 2)]
const banks = ['sha1', 'sha256'] as const

const logOf = (records: readonly RegisterRecord[], index = 14, hashes: readonly BankHash[] = banks): Buffer =>
  Buffer.concat(records.map((record) => encodeRecord(index, record, hashes)))
const extendAll = (value: Buffer, hash: BankHash, digests: readonly Buffer[]): Buffer =>
  digests.reduce((before, digest) => digestOf(hash, before, digest), value)
const reached = (
  records: readonly RegisterRecord[],
  hash: BankHash = 'sha256',
  before: Buffer = Buffer.alloc(hashSize(hash)),
) =>
  extendAll(
    before,
    hash,
    records.map((record) => recordDigests(record, [hash]).get(hash)!),
  )

/** A boot log of some events in PCR 14, each with or without its data behind the digest. */
function bootLog(...events: [Buffer, boolean][]): EventLog {
  return {
    banks: ['sha256'],
    startupLocality: 0,
    bytes: 0,
    events: events.map(([data, covered], index): LogEvent => {
      const digest = covered ? digestOf('sha256', data) : digestOf('sha256', Buffer.from('something else'))
      const type = 0x0d
      const digests = new Map([['sha256' as const, digest]])
      return { index, offset: 0, register: 14, type, typeName: eventTypeName(type), digests, data, extended: true }
    }),
  }
}

const replay = (records: readonly RegisterRecord[], value: Buffer, log: EventLog | null = null, register = 'pcr14') =>
  replayRegister({ register, value, log, runtime: parseRuntimeLog(logOf(records)) })

describe('records', () => {
  test('are CoCo’s tagged events, in every bank with its own hash', () => {
    expect(start.content).toBe(`{"job":"${own.job}","key":"${own.key}"}`)
    expect(parseAael(recordData(start))).toEqual({
      domain: 'sealwright.dev',
      operation: 'agent-start',
      content: start.content,
    })
    const [entry] = parseRuntimeLog(logOf([start], 14, ['sha1', 'sha256', 'sha384', 'sha512']))
    expect([...entry!.digests].map(([hash, digest]) => [hash, digest.length])).toEqual([
      ['sha1', 20],
      ['sha256', 32],
      ['sha384', 48],
      ['sha512', 64],
    ])
    expect(entry?.digests.get('sha384')).toEqual(digestOf('sha384', recordData(start)))
  })

  test.each([
    ['a blank in the operation', { operation: 'a b', content: '' }],
    ['a line break in the content', { operation: 'a', content: 'x\ny' }],
  ])('%s is a defect of ours', (_what, record) => {
    expect(() => recordData(record)).toThrow('blank or line break')
  })
})

describe('the log', () => {
  const whole = logOf(seal)

  test('goes round, whole and cut nowhere else than between records', () => {
    expect(parseRuntimeLog(whole).map(({ record }) => record)).toEqual(seal)
    expect(parseRuntimeLog(Buffer.alloc(0))).toEqual([])
    const ends = new Set(seal.map((_record, n) => logOf(seal.slice(0, n)).length))
    for (let length = 0; length < whole.length; length++) {
      if (ends.has(length)) continue
      expect(() => parseRuntimeLog(whole.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'format-invalid' }),
      )
    }
  })

  test('with any one bit flipped is refused, or leads elsewhere', () => {
    const value = reached(seal)
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const bytes = Buffer.from(whole)
      bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7))
      expect(() => replayRegister({ register: 'pcr14', value, log: null, runtime: parseRuntimeLog(bytes) })).toThrow(
        expect.objectContaining({ exitCode: 1 }),
      )
    }
  })

  test.each<[string, Buffer, string]>([
    ['two registers', Buffer.concat([logOf([start]), logOf(journals, 13)]), 'beside 14'],
    ['banks that change', Buffer.concat([logOf([start]), logOf(journals, 14, ['sha256'])]), 'banks that change'],
    ['a bank twice', bankTwice(), 'comes twice'],
    ['a record of CoCo’s', foreignRecord(), 'another domain'],
    ['too many records', logOf(Array.from({ length: 1025 }, () => start)), 'more than 1024 records'],
    ['too many bytes', Buffer.alloc((1 << 20) + 1), 'larger than'],
  ])('of %s is refused', (_what, bytes, why) => {
    expect(() => parseRuntimeLog(bytes)).toThrow(why)
  })
})

function foreignRecord(): Buffer {
  const text = Buffer.from('github.com/confidential-containers PullImage {}')
  const data = Buffer.concat([Buffer.from('LEAA'), Buffer.from([text.length, 0, 0, 0]), text])
  const record = encodeRecord(14, { operation: 'x', content: '' }, ['sha256']).subarray(0, 14)
  const length = Buffer.from([data.length, 0, 0, 0])
  return Buffer.concat([record, digestOf('sha256', data), length, data])
}

describe('replay', () => {
  const moks = Buffer.from('MokList\0')
  const log = bootLog([moks, true], [Buffer.from('MokListX'), false])
  const booted = extendAll(
    Buffer.alloc(32),
    'sha256',
    log.events.map((event) => event.digests.get('sha256')!),
  )

  test('leads to the value in a PCR, after a boot loader’s events, and in RTMR3', () => {
    expect(replay(seal, reached(seal))).toEqual({ name: 'pcr14', resettable: false, records: seal, foreign: [] })
    const { foreign } = replay(seal, reached(seal, 'sha256', booted), log)
    expect(foreign).toEqual([
      `${digestOf('sha256', moks).toString('hex')} EV_IPL (event 0): "MokList"`,
      expect.stringMatching(/^[0-9a-f]{64} EV_IPL \(event 1\): content not covered by the digest$/),
    ])
    const runtime = parseRuntimeLog(logOf(seal, 4, ['sha384']))
    expect(replayRegister({ register: 'rtmr3', value: reached(seal, 'sha384'), log: null, runtime }).name).toBe('rtmr3')
  })

  test('a resettable register says so', () => {
    const runtime = parseRuntimeLog(logOf(seal, 16))
    expect(replayRegister({ register: 'pcr16', value: reached(seal), log: null, runtime }).resettable).toBe(true)
    expect(registerName('pcr15').resettable).toBe(false)
    for (const name of ['pcr0', 'pcr7', 'pcr17', 'pcr22', 'pcr24', 'pcr014', 'rtmr2', '']) {
      expect(() => registerName(name)).toThrow('is no runtime register')
    }
  })

  const elsewhere = 'not to the attested value'
  test.each<[string, () => unknown, string]>([
    ['a record removed', () => replay([start, seal[2]!], reached(seal)), elsewhere],
    ['the last record removed', () => replay(seal.slice(0, 2), reached(seal)), elsewhere],
    ['two records swapped', () => replay([start, seal[2]!, seal[1]!], reached(seal)), elsewhere],
    ['a record added', () => replay([...seal, journals[2]!], reached(seal)), elsewhere],
    ['a foreign extension', () => replay(seal, digestOf('sha256', reached(seal), Buffer.alloc(32, 9))), elsewhere],
    ['a foreign extension before', () => replay(seal, reached(seal, 'sha256', Buffer.alloc(32, 9))), elsewhere],
    ['the boot log left out', () => replay(seal, reached(seal, 'sha256', booted)), elsewhere],
    ['no log at all', () => replay([], reached(seal)), elsewhere],
    ['a log of another register', () => replay(seal, reached(seal), null, 'pcr15'), 'the log is of register 14'],
    [
      'a log without SHA-256',
      () =>
        replayRegister({
          register: 'pcr14',
          value: reached(seal),
          log: null,
          runtime: parseRuntimeLog(logOf(seal, 14, ['sha1'])),
        }),
      'has no sha256 digest',
    ],
    [
      'our mark in the boot log',
      () => replay([], reached([start]), bootLog([recordData(start), true])),
      "has the agent's mark",
    ],
  ])('with %s is refused', (_what, run, why) => {
    expect(run).toThrow(why)
    expect(run).toThrow(expect.objectContaining({ code: 'evidence-invalid' }))
  })
})

describe('the rule over open and seals', () => {
  const at = (records: readonly RegisterRecord[], count: number, foreign: string[] = []) => ({
    register: { name: 'pcr14', resettable: false, records: [...records], foreign },
    journal: head(count),
  })
  const open = at(seal.slice(0, 2), 1)

  test('holds for an open report and two seals', () => {
    expect(registerFindings([open, at(seal, 4), at([...seal, journals[2]!], 7)], own)).toEqual([])
  })

  test.each<[string, Parameters<typeof registerFindings>[0], string]>([
    ['a second agent-start', [open, at([...seal, start], 4)], '2 agents started'],
    [
      'a second agent-start of another key',
      [at([start, agentStart({ ...own, key: 'X'.repeat(43) }), journals[0]!], 1)],
      '2 agents started',
    ],
    ['an agent-start that is not the first', [at([journals[0]!, start], 1)], 'do not begin with agent-start'],
    ['no record', [at([], 1)], 'do not begin with agent-start'],
    ['no journal record', [at([start], 1)], 'names no journal'],
    ['another head than the binding’s', [at(seal, 1)], 'the binding sha256:1111'],
    ['counts that shrink', [at([start, journals[1]!, journals[0]!], 1)], 'do not grow'],
    ['a seal that does not extend the open', [open, at([start, journals[1]!], 4)], 'do not begin with those'],
    ['a seal shorter than the open', [at(seal, 4), open], 'do not begin with those'],
    ['a foreign event that came between', [open, at(seal, 4, ['x'])], 'do not begin with those'],
    ['a foreign operation', [at([start, { operation: 'note', content: '{}' }], 1)], 'is no journal record'],
    [
      'an agent-start of another form',
      [at([{ operation: 'agent-start', content: '{}' }], 1)],
      'is no agent-start record',
    ],
    [
      'content that is not its own JCS form',
      [at([{ ...start, content: start.content.replace(':', ': ') }], 1)],
      'is no agent-start record',
    ],
  ])('%s is found', (_what, reports, why) => {
    expect(registerFindings(reports, own).join('\n')).toContain(why)
  })

  test('another key and another job are found', () => {
    expect(registerFindings([open], { ...own, key: 'X'.repeat(43) }).join()).toContain('names the key')
    expect(registerFindings([open], { ...own, job: `sha256:${'2'.repeat(64)}` }).join()).toContain('another job')
  })
})

/** SYNTHETIC: its one digest stands there again, and is counted. */
function bankTwice(): Buffer {
  const record = encodeRecord(14, start, ['sha256'])
  const digest = record.subarray(12, 12 + 2 + 32)
  return Buffer.concat([record.subarray(0, 8), Buffer.of(2, 0, 0, 0), digest, record.subarray(12)])
}
