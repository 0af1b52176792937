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

test.each([
  'verify-deploy: Accepted with 6 exception(s)',
  `oci:/tmp/my_app:1.0 (sha256:${'0'.repeat(64)}), 2026-01-31T12:34:56Z`,
  'accept-sample: no TEE; "x" is {1} + 2 = 3!',
])('harmless text stays readable: %s', (text) => {
  expect(md(text)).toBe(text)
  expect(code(text)).toBe(`\`${text}\``)
})

test.each([
  ['https://evil.example', 'https&#58;//evil.example'],
  ['HTTP://evil.example www.evil.example', 'HTTP&#58;//evil.example www&#46;evil.example'],
  ['mailto:a@b.example', 'mailto&#58;a&#64;b.example'],
  ['@user #12 GH-12', '&#64;user &#35;12 GH&#45;12'],
  [':tada: $x$ ~~a~~', '&#58;tada: &#36;x&#36; &#126;&#126;a&#126;&#126;'],
  ['- item', '&#45; item'],
  ['  1. item', '1&#46; item'],
  ['===', '&#61;=='],
  ['_a_ __b__ a_b', '&#95;a&#95; &#95;&#95;b&#95;&#95; a_b'],
  ['![a](b) \\*', '!&#91;a&#93;(b) &#92;&#42;'],
  ['&amp; <!-- </details>', '&amp;amp; &lt;!-- &lt;/details&gt;'],
  ['::error::x', ':&#58;error::x'],
])('%s becomes no markup, link or mention', (text, escaped) => {
  expect(md(text)).toBe(escaped)
})

test('a value cannot leave its code', () => {
  expect(code('a`b')).toBe('<code>a&#96;b</code>')
  expect(code('a|b')).toBe('<code>a&#124;b</code>')
  expect(code('a\\')).toBe('<code>a&#92;</code>')
  expect(code('<b>')).toBe('<code>&lt;b&gt;</code>')
  expect(code('**b** https://evil.example\n@user')).toBe('`**b** https://evil.example @user`')
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
  expect(text).toContain('`not-found`')
})
