import { compareSides } from '../../../src/sbom/diff/compare-sides.ts'
import { makeResult, type DiffResult } from '../../../src/sbom/diff/result.ts'
import { diffReport } from '../../../src/report/sbom-diff/report.ts'
import { diffText } from '../../../src/report/sbom-diff/text.ts'
import { renderHtml } from '../../../src/report/html.ts'
import { renderMarkdown } from '../../../src/report/markdown.ts'
import type { InventoryEntry } from '../../../src/image/types.ts'
import { file, makeDocument, pack, side } from './document.ts'

const curl = pack('pkg:deb/debian/curl@8.5.0-2')

function result(a = makeDocument([curl]), b = a, before: InventoryEntry[] = [], after = before): DiffResult {
  const comparison = compareSides({ ...side(a, before), label: 'a.json' }, { ...side(b, after), label: 'b.json' })
  return makeResult([{ platform: null, statement: null, comparison }])
}

const newer = makeDocument([pack('pkg:deb/debian/curl@8.6.0-1'), pack('pkg:npm/%40scope/a@1.0.0')])
const files = [file('bin/su', 'x', { mode: 0o755 }), file('etc/a')]
const differing = result(makeDocument([curl]), newer, files, [
  file('bin/su', 'x', { mode: 0o4755 }),
  file('etc/a', 'y'),
])

test('the text says the verdict first, then the most telling changes, in 80 columns', () => {
  const text = diffText(differing)
  const lines = text.split('\n')
  expect(lines[0]).toBe('Differs: 2 in packages, 2 in files')
  expect(lines.filter((line) => line.length > 80)).toEqual([])
  expect(lines.filter((line) => line.startsWith('FAIL '))).toEqual([
    'FAIL files changed: bin/su',
    'FAIL packages upgraded: pkg:deb/debian/curl',
    'FAIL packages added: pkg:npm/%40scope/a@1.0.0',
    'FAIL files changed: etc/a',
  ])
  expect(text).toContain('     mode 0755 → 4755\n')
  expect(text).toContain('     8.5.0-2 → 8.6.0-1\n')
  expect(text).toMatch(/^packages {13}2 {7}0 {7}0$/m)
})

test('equal sides say what was compared', () => {
  expect(diffText(result()).split('\n')[0]).toBe('Equal: 1 package and 0 files compared')
  expect(diffReport(result(), 10)).toMatchObject({ status: 'passed', tables: [] })
})

test('a long list is cut, and its length is told', () => {
  const many = Array.from({ length: 120 }, (_, i) => file(`f${String(i).padStart(3, '0')}`))
  const long = result(undefined, undefined, [], many)
  const text = diffText(long)
  expect(text.match(/^FAIL /gm)).toHaveLength(50)
  expect(text).toContain('… and 70 more: --format json lists all')
  const report = diffReport(long, 30)
  expect(report.tables[0]?.rows).toHaveLength(30)
  expect(report.tables[0]?.title).toBe('Files: 120 fail, 0 warn, 0 ignored; the first 30')
})

test('foreign text can neither become markup nor move the cursor', () => {
  const name = '<img src=x onerror=alert(1)>\u001b[2J|`x`\n::error::y'
  const hostile = result(makeDocument([]), makeDocument([{ ...pack('pkg:npm/a@1'), purl: null, name }]))
  const text = diffText(hostile)
  expect(text).not.toContain('\u001b')
  expect(text.split('\n').some((line) => line.trim().startsWith('::'))).toBe(false)
  const html = renderHtml([{ name: 'sbom diff', report: diffReport(hostile, 10), hosts: [] }])
  expect(html).not.toContain('<img')
  expect(html).not.toContain('<script')
  const markdown = renderMarkdown('sbom diff', diffReport(hostile, 10), [])
  expect(markdown).not.toContain('<img')
  expect(markdown.split('\n').some((line) => line.startsWith('::'))).toBe(false)
})

test('the page of a reviewer names every level with changes', () => {
  const html = renderHtml([{ name: 'sbom diff', report: diffReport(differing, 100), hosts: [] }])
  expect(html).toContain('Packages: 2 fail')
  expect(html).toContain('Files: 2 fail')
  expect(html).toContain('8.5.0-2 → 8.6.0-1')
  expect(html).toMatch(/class="refused"/)
})

test('several comparisons stand in one result, the worst verdict wins', () => {
  const equal = compareSides(side(newer), side(newer))
  const other = compareSides(side(makeDocument([curl])), side(newer))
  const both = makeResult([
    { platform: 'linux/amd64', statement: null, comparison: equal },
    { platform: 'linux/arm64', statement: null, comparison: other },
  ])
  expect(both).toMatchObject({ verdict: 'differs', counts: { packages: { fail: 2 } } })
  expect(both.changes.map(({ part }) => part)).toEqual([1, 1])
  expect(diffText(both)).toContain('FAIL packages upgraded: pkg:deb/debian/curl (linux/arm64)')
})
