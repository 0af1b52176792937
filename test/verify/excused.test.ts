import { unexcused } from '../../src/verify/claims/excused.ts'
import type { OpenvexDocument, ScanFinding } from '../../src/verify/claims/predicates.ts'

const where = 'pkg:deb/debian/libx@1.0'
const finding: ScanFinding = { names: ['CVE-2026-0001', 'GHSA-aaaa-bbbb'], where, severity: 'critical' }

const head = { '@context': 'https://openvex.dev/ns/v0.2.0', author: 'Example' }
type Said = [name: string, status: 'affected' | 'not_affected' | 'fixed']
const vex = (day: number, ...said: Said[]): OpenvexDocument => ({
  ...head,
  timestamp: `2026-11-0${day}T00:00:00Z`,
  statements: said.map(([name, status]) => ({ vulnerability: { name }, status, products: [{ '@id': where }] })),
})
const isOpen = (...documents: OpenvexDocument[]): boolean => unexcused([finding], documents, new Set()).length > 0

test.each<[string, string]>([
  ['CVE-2026-0001', 'GHSA-aaaa-bbbb'],
  ['GHSA-aaaa-bbbb', 'CVE-2026-0001'],
])('a newer document takes back by the name %s what an older one said of %s', (newer, older) => {
  const documents = [vex(1, [older, 'not_affected']), vex(2, [newer, 'affected'])]
  expect(isOpen(...documents)).toBe(true)
  expect(isOpen(...documents.toReversed())).toBe(true)
  // The other way round the newer word sets it aside.
  expect(isOpen(vex(1, [older, 'affected']), vex(2, [newer, 'fixed']))).toBe(false)
})

test('inside one document the last statement decides, by whatever name', () => {
  expect(isOpen(vex(1, ['GHSA-aaaa-bbbb', 'not_affected'], ['CVE-2026-0001', 'affected']))).toBe(true)
  expect(isOpen(vex(1, ['GHSA-aaaa-bbbb', 'affected'], ['CVE-2026-0001', 'not_affected']))).toBe(false)
})

test('of documents with one time each has to set a finding aside, in whatever order a registry lists them', () => {
  const [good, bad] = [vex(1, ['CVE-2026-0001', 'not_affected']), vex(1, ['CVE-2026-0001', 'affected'])]
  expect(isOpen(good, bad)).toBe(true)
  expect(isOpen(bad, good)).toBe(true)
  expect(isOpen(good, good)).toBe(false)
})

test('many statements on many findings are compared in time that grows with their sum', () => {
  const count = 20_000
  const statements = Array.from({ length: count }, (_, at): OpenvexDocument['statements'][number] => ({
    vulnerability: { name: 'CVE-2026-0001' },
    status: 'not_affected',
    products: [{ '@id': `pkg:deb/debian/lib${at}@1.0` }],
  }))
  const findings = Array.from({ length: count }, (_, at) => ({ ...finding, where: `pkg:deb/debian/lib${at + 1}@1.0` }))
  // Compared one by one these are 400 million pairs, which takes minutes.
  const [only, second] = unexcused(findings, [{ ...head, timestamp: '2026-11-01T00:00:00Z', statements }], new Set())
  expect([only?.where, second]).toEqual([`pkg:deb/debian/lib${count}@1.0`, undefined])
})

test('a statement on the whole image, and one on a part of it, speak of a finding in it', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  const product = { '@id': `pkg:oci/app@${digest}` }
  const on = (day: number, status: 'affected' | 'fixed', parts?: string[]): OpenvexDocument => ({
    ...head,
    timestamp: `2026-11-0${day}T00:00:00Z`,
    statements: [
      {
        vulnerability: { name: 'CVE-2026-0001' },
        status,
        products: [{ ...product, subcomponents: parts?.map((part) => ({ '@id': part })) }],
      },
    ],
  })
  const open = (...documents: OpenvexDocument[]): number => unexcused([finding], documents, new Set([digest])).length
  expect(open(on(1, 'fixed'))).toBe(0)
  expect(open(on(1, 'fixed', [where]))).toBe(0)
  expect(open(on(1, 'fixed', ['pkg:deb/debian/other@1.0']))).toBe(1)
  expect(open(on(1, 'fixed'), on(2, 'affected', [where]))).toBe(1)
  expect(open(on(1, 'fixed', [where]), on(2, 'affected'))).toBe(1)
  expect(unexcused([finding], [on(1, 'fixed')], new Set())).toHaveLength(1)
})
