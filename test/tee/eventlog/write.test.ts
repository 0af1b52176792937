import { digestOf } from '../../../src/tee/eventlog/hashes.ts'
import { parseEventLog } from '../../../src/tee/eventlog/parse.ts'
import { encodeEvent, specificationEvent } from '../../../src/tee/eventlog/write.ts'

test('a specification event has the bytes of the profile', () => {
  expect(specificationEvent(['sha384']).toString('hex')).toBe(
    [
      ...['00000000', '03000000', '00'.repeat(20), '21000000'],
      ...['53706563204944204576656e74303300', '00000000', '00020002'],
      ...['01000000', '0c003000', '00'],
    ].join(''),
  )
})

test('what is written is read again, each bank by its digest', () => {
  const data = Buffer.from('a boot loader')
  const digests = new Map((['sha1', 'sha256'] as const).map((bank) => [bank, digestOf(bank, data)]))
  const bytes = Buffer.concat([specificationEvent(['sha1', 'sha256']), encodeEvent(4, 0x80000003, digests, data)])
  const log = parseEventLog(bytes, 'tcg2')
  expect(log.banks).toEqual(['sha1', 'sha256'])
  expect(log.events).toMatchObject([{ register: 4, type: 0x80000003, digests, data }])
  expect(log.bytes).toBe(bytes.length)
})

test('a record with fewer digests than the specification event names is no log', () => {
  const data = Buffer.from('a boot loader')
  const one = encodeEvent(4, 0x80000003, new Map([['sha256', digestOf('sha256', data)]]), data)
  expect(() => parseEventLog(Buffer.concat([specificationEvent(['sha1', 'sha256']), one]), 'tcg2')).toThrow(/digest/)
})
