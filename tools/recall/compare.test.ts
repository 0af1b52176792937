import { compareRows, faultsOf } from './compare.ts'
import { compareImage, imageReport } from './image.ts'
import { recallPage } from './report.ts'
import { rowOf, uniqueRows, withKnownGroups } from './rows.ts'
import type { Ecosystem, Exception, Row } from './types.ts'

const ecosystem: Ecosystem = { name: 'e', catalogers: ['c'], expected: 21 }
const row = (name: string): Row => ({ ecosystem: 'e', fixture: 'f', package: `t ${name}@1` })
const many = (count: number): Row[] => Array.from({ length: count }, (_, i) => row(`p${i}`))
const faults = (theirs: Row[], ours: Row[], exceptions: Exception[] = []): string[] =>
  faultsOf([compareRows(ecosystem, theirs, ours, exceptions)], [ecosystem], exceptions)

test('equal sides are good', () => {
  expect(faults(many(21), many(21))).toEqual([])
})

test('a missing package and a phantom fail the run, each unless it is excused', () => {
  expect(faults(many(21), many(20))).toEqual(['missing  e/f: t p20@1'])
  expect(faults(many(21), many(22))).toEqual(['phantom  e/f: t p21@1'])
  expect(faults(many(21), many(20), [{ ...row('p20'), side: 'missing', reason: 'not-a-package' }])).toEqual([])
  expect(faults(many(21), many(20), [{ ...row('p20'), side: 'extra', reason: 'syft-misses' }])).toEqual([
    'missing  e/f: t p20@1',
    'exception without a case: extra e/f: t p20@1',
  ])
})

test('another count of expected packages and too many excuses fail the run', () => {
  expect(faults(many(20), many(20))).toEqual(['e: syft finds 20 packages; ecosystems.ts says 21'])
  const excused = ['p19', 'p20'].map((name): Exception => ({ ...row(name), side: 'missing', reason: 'not-a-package' }))
  expect(faults(many(21), many(19), excused)).toEqual(['2 of 21 rows are excused; at most 5 % may be'])
})

test('names are compared by package URL: spelling and distribution do not count, type, namespace and version do', () => {
  const of = (purl: string, name = 'x', version: string | null = '1'): string =>
    rowOf('e', 'f/g', { name, version, purl, type: 'own' }).package
  expect(of('pkg:pypi/Foo_Bar@1')).toBe('pypi foo-bar@1')
  expect(of('pkg:deb/debian/libc6@1?arch=amd64')).toBe('deb libc6@1')
  expect(of('pkg:npm/%40a/b@1')).toBe('npm @a/b@1')
  expect(of('pkg:golang/stdlib@1.19', 'stdlib', 'go1.19')).toBe('golang stdlib@1.19')
  expect(of('', 'name', null)).toBe('own name@')
  expect(of('', 'name', 'UNKNOWN')).toBe('own name@')
  expect(uniqueRows([row('b'), row('a'), row('b')])).toEqual([row('a'), row('b')])
})

test('a Maven group that syft does not know is ours, of the same name, version and fixture only', () => {
  const maven = (found: string, fixture = 'f'): Row => ({ ecosystem: 'e', fixture, package: `maven ${found}` })
  const unknown = { ...maven('a/a@1'), groupless: true }
  expect(withKnownGroups([unknown], [maven('org.x/a@1')])).toEqual([maven('org.x/a@1')])
  for (const ours of [maven('org.x/a@2'), maven('org.x/b-a@1'), maven('org.x/a@1', 'g')])
    expect(withKnownGroups([unknown], [ours])).toEqual([maven('a/a@1')])
  expect(withKnownGroups([unknown], [maven('org.x/a@1'), maven('org.y/a@1')])).toEqual([maven('a/a@1')])
  expect(withKnownGroups([{ ...unknown, groupless: false }], [maven('org.x/a@1')])).toEqual([maven('a/a@1')])
})

test('the page names each difference with its reason', () => {
  const exceptions: Exception[] = [{ ...row('p1'), side: 'missing', reason: 'no-evidence' }]
  const page = recallPage([compareRows(ecosystem, many(2), many(1), exceptions)], '9.9')
  expect(page).toContain('| e/f | `t p1@1` | missing | `no-evidence` |')
  expect(page).toContain('| **all** | 1 | 2 | 1 | 1 | 0 |')
})

test('an image needs at least as many packages and places of each kind', () => {
  const report = (theirs: string[], ours: string[]): boolean => imageReport(compareImage(theirs, ours)).good
  expect(report(['npm a@1', 'npm a@1', 'deb b@1'], ['npm a@1', 'npm a@1', 'deb b@2', 'gem c@1'])).toBe(true)
  expect(report(['npm a@1', 'npm a@1'], ['npm a@1'])).toBe(false)
  expect(report(['npm a@1'], ['gem a@1'])).toBe(false)
  const { onlySyft, onlyOurs } = compareImage(['npm a@1', 'npm b@1'], ['npm b@1', 'npm c@1'])
  expect([onlySyft, onlyOurs]).toEqual([['npm a@1'], ['npm c@1']])
})
