import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fill, parseAction } from '../../scripts/docs/tables.ts'
import { root } from '../../testkit/peers.ts'

const action = parseAction(`
inputs:
  image:
    description: >
      Which image: \`a|b\`,
      or the journal's.
  mode:
    description: What to do.
    default: plan
  key:
    description: Sign with it.
    required: true
outputs:
  digest:
    description: The digest.
`)
const readme = '# x\n\n<!-- inputs -->\nold\n<!-- /inputs -->\n\ntext\n\n<!-- outputs -->\n<!-- /outputs -->\n'

test('tables replace what stood between the markers, and only that', () => {
  const { text, missing } = fill(readme, action)
  expect(missing).toEqual([])
  expect(text).toBe(
    [
      '# x',
      '',
      '<!-- inputs -->',
      '',
      '| Input | Meaning | Default |',
      '| --- | --- | --- |',
      "| `image` | Which image: `a\\|b`, or the journal's. |  |",
      '| `mode` | What to do. | `plan` |',
      '| `key` | Sign with it. | **required** |',
      '',
      '<!-- /inputs -->',
      '',
      'text',
      '',
      '<!-- outputs -->',
      '',
      '| Output | Meaning |',
      '| --- | --- |',
      '| `digest` | The digest. |',
      '',
      '<!-- /outputs -->',
      '',
    ].join('\n'),
  )
  expect(fill(text, action).text).toBe(text)
})

test('a missing marker is told, but not for an empty table', () => {
  expect(fill('# x\n', action).missing).toEqual(['inputs', 'outputs'])
  expect(fill('# x\n', {}).missing).toEqual([])
})

describe('what the pages point to is there', () => {
  const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' }).trim().split('\n')
  const text = (page: string): string => readFileSync(join(root, page), 'utf8')

  test('there are pages', () => expect(pages.length).toBeGreaterThan(20))

  test.each(pages)('files of this repository in %s', (page) => {
    const named = [...text(page).matchAll(/`((?:src|test|testkit|tools|bench|scripts|examples)\/[A-Za-z0-9_./-]+)`/g)]
    expect(named.map(([, path = '']) => path).filter((path) => !existsSync(join(root, path)))).toEqual([])
  })

  test.each(pages)('links and headings in %s', (page) => {
    const links = [...text(page).matchAll(/\]\((?![a-z]+:)([^)\s]+)\)/g)].map(([, target = '']) => target)
    const broken = links.filter((target) => {
      const [path = '', heading] = target.split('#')
      const file = path === '' ? join(root, page) : join(root, dirname(page), path)
      if (!existsSync(file)) return true
      return heading !== undefined && file.endsWith('.md') && !anchors(readFileSync(file, 'utf8')).includes(heading)
    })
    expect(broken).toEqual([])
  })

  const linksOf = (page: string): string[] =>
    [...text(page).matchAll(/\]\((?![a-z]+:)([^)#\s]+)/g)].map(([, target = '']) => join(dirname(page), target))

  test('each page of docs is in its index or in that of its folder, and the README leads there', () => {
    const indexes = ['docs/README.md', 'docs/predicates/README.md']
    expect(linksOf('README.md')).toContain(indexes[0])
    expect(linksOf('docs/README.md')).toContain(indexes[1])
    const listed = new Set(indexes.flatMap(linksOf))
    const missing = pages.filter((page) => page.startsWith('docs/') && !listed.has(page) && page !== indexes[0])
    expect(missing).toEqual([])
  })
})

/** Anchors of a page's headings, as GitHub makes them. */
function anchors(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test('docs/trust.md has a heading for each section that a verdict names', () => {
  const headings: readonly string[] = readFileSync(join(root, 'docs/trust.md'), 'utf8').match(/(?<=^#+ )§\S+/gm) ?? []
  const named = execFileSync('git', ['grep', '-hoE', "clause: 'TRUST §[0-9.]+", '--', 'src'], {
    cwd: root,
    encoding: 'utf8',
  })
  const clauses = new Set(named.match(/§[0-9.]+/g))
  expect(clauses.size).toBeGreaterThan(10)
  expect([...clauses].filter((clause) => !headings.includes(clause))).toEqual([])
})
