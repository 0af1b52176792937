import { unexcused } from '../../src/verify/claims/excused.ts'
import type { OpenvexDocument, ScanFinding } from '../../src/verify/claims/predicates.ts'

const where = 'pkg:deb/debian/libx@1.0'
const finding: ScanFinding = { names: ['CVE-2026-0001', 'GHSA-aaaa-bbbb'], where, severity: 'critical' }

type Said = [name: string, status: 'affected' | 'not_affected' | 'fixed']
const vex = (day: number, ...said: Said[]): OpenvexDocument => ({
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
