import { readTdxEvidence } from '../../../src/tee/verify/tdx/evidence.ts'
import { tdxCollector } from '../../../src/tee/collect/tdx.ts'
import { verifyTdx } from '../../../src/tee/verify/tdx/verify.ts'
import type { TeeEvidence } from '../../../src/tee/types.ts'
import { makeWorld, reportData } from '../../../testkit/tee/tdx/synthetic.ts'

const world = makeWorld()
const quote = Buffer.from(world.quote).toString('base64')
const good: TeeEvidence = {
  technology: tdxCollector().technology,
  evidence: { cc_eventlog: null, quote },
  documents: { 'tsm-outblob': quote },
}

test('evidence of our collector’s form gives its quote', () => {
  const read = readTdxEvidence(good)
  expect(verifyTdx({ ...world, quote: read.quote }).status).toBe('verified')
  expect(read.eventLog).toBeNull()
  const log = { ...good, evidence: { ...good.evidence, cc_eventlog: 'AAAA' } }
  expect(readTdxEvidence(log).eventLog).toEqual(Buffer.alloc(3))
})

test.each<[string, TeeEvidence, string]>([
  ['of another technology', { ...good, technology: 'snp' }, 'evidence-invalid'],
  ['with a foreign member', { ...good, evidence: { ...good.evidence, x: 1 } }, 'evidence-invalid'],
  ['without a quote', { ...good, evidence: { cc_eventlog: null } }, 'evidence-invalid'],
  ['without an event log’s place', { ...good, evidence: { quote } }, 'evidence-invalid'],
  ['with another quote beside', { ...good, documents: { 'tsm-outblob': 'AAAA' } }, 'evidence-invalid'],
  [
    'whose quote is not base64',
    { ...good, evidence: { cc_eventlog: null, quote: '*' }, documents: {} },
    'format-invalid',
  ],
])('evidence %s is refused', (_what, evidence, code) => {
  expect(() => readTdxEvidence(evidence)).toThrow(expect.objectContaining({ code }) as Error)
})

test('report data is 48 or 64 bytes: an empty expectation meets no quote', () => {
  const empty = makeWorld({ body: (body) => body.fill(0, 520, 584) })
  const ok = (bytes: Buffer, of = world) =>
    verifyTdx({ ...of, reportData: bytes }).checks.find(({ name }) => name === 'report-data')?.ok
  expect(ok(Buffer.alloc(0), empty)).toBe(false)
  expect(ok(Buffer.alloc(48), empty)).toBe(true)
  expect(ok(Buffer.concat([reportData, Buffer.alloc(16)]))).toBe(true)
  expect(ok(Buffer.concat([reportData, Buffer.alloc(17)]))).toBe(false)
})
