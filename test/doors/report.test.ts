import { code, html, md } from '../../src/report/escape.ts'
import { renderHtml } from '../../src/report/html.ts'
import { renderMarkdown } from '../../src/report/markdown.ts'
import { errorReport } from '../../src/report/error-report.ts'
import type { ActionReport } from '../../src/report/types.ts'

const hostile =
  '<img src=x onerror=alert(1)> | [a](javascript:x) `code` **b** ${{ secrets }} \n# h @user https://evil.example'

const report: ActionReport = {
  headline: hostile,
  status: 'refused',
  subject: { name: hostile, digest: 'sha256:00' },
  facts: [[hostile, hostile]],
  tables: [{ title: hostile, header: ['a'], rows: [[hostile]] }],
  exceptions: [hostile],
  commands: [{ title: 'run', lines: ['cosign verify x', '```', 'echo'] }],
  notes: [hostile],
  details: {},
}

test('no value becomes markup in Markdown', () => {
  const text = renderMarkdown('sbom', report, ['registry.example:443'])
  for (const live of ['<img', '[a](', '**b**', '`code`', 'https://evil', '@user']) expect(text).not.toContain(live)
  expect(text.split('\n')[0]).toMatch(/^## ❌ sbom: /)
  expect(md('a|b\nc')).toBe('a&#124;b c')
  expect(code('')).toBe('')
})

test('no line of a command closes its block', () => {
  const text = renderMarkdown('sbom', report, [])
  expect(text).toContain('````sh\ncosign verify x\n```\necho\n````')
})

test('no value becomes markup in HTML, and the page loads nothing', () => {
  const page = renderHtml([{ name: 'sbom', report, hosts: [] }])
  expect(page).not.toContain('<img')
  expect(page).not.toMatch(/(src|href)=["']?http/)
  expect(page).toContain("default-src 'none'")
  expect(html(`"'<&>`)).toBe('&quot;&#39;&lt;&amp;&gt;')
})

test('a summary stays under 64 KiB and says what it left out', () => {
  const rows = Array.from({ length: 5000 }, (_, i) => [`row ${i} ${'x'.repeat(50)}`])
  const text = renderMarkdown('sbom', { ...report, tables: [{ title: 't', header: ['a'], rows }] }, [])
  expect(Buffer.byteLength(text)).toBeLessThan(64 * 1024)
  expect(text).toContain('did not fit here')
})

test('an error is reported with its code and remedy', () => {
  const text = renderMarkdown(
    'sbom',
    errorReport('sbom', { code: 'not-found', message: 'm', subject: 's', remedy: 'do r' }),
    [],
  )
  expect(text).toContain('do r')
  expect(text).toContain('not&#45;found')
})
