import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { acceptances } from '../../src/verify/policy/accept.ts'
import { root } from '../../testkit/peers.ts'

/** Positions that docs/threats.md has a section for, by the first words of its heading. */
const positions = [
  ...['Somebody who may push', 'Another job', 'A step in the job', 'A dependency', 'The base image', 'The KBS'],
  'An image that others built',
  ...['Somebody who replays', 'A source author', 'The admin of the runners', 'The cloud host'],
]

/** What is wrong with a page: sections, rows without a test, tests that are not there, policy lines that do not exist. */
function defects(page: string, read: (path: string) => string | null): string[] {
  const found: string[] = []
  for (const position of positions) {
    const section = page.split(/^## /m).find((text) => text.startsWith(position)) ?? ''
    if (rowsOf(section).length < 4) found.push(`fewer than four rows: ${position}`)
  }
  for (const row of rowsOf(page)) {
    const cells = row.split('|').slice(1, -1)
    const attempt = (cells[0] ?? '').trim()
    const shown = (cells[2] ?? '').split('`').slice(1)
    if (cells.length !== 3 || shown.length === 0) found.push(`no test: ${attempt}`)
    for (let i = 0; i + 1 < shown.length; i += 2) {
      const path = shown[i] ?? ''
      const text = read(path)
      const titles = [...(shown[i + 1] ?? '').matchAll(/“([^”]+)”|"([^"]+)"/g)].map(
        ([, curly, plain]) => curly ?? plain ?? '',
      )
      if (text === null) found.push(`no file: ${path}`)
      else if (titles.length === 0) found.push(`no title: ${path}`)
      else for (const title of titles) if (!names(text, title)) found.push(`not in ${path}: ${title}`)
    }
  }
  for (const [line] of page.matchAll(/accept-(?!…)[a-z-]+[a-z]/g))
    if (!(line in acceptances) && line !== 'accept-steps-isolation') found.push(`no such line: ${line}`)
  return found
}

function rowsOf(text: string): string[] {
  return text.split('\n').filter((line) => /^\| (?!attempt )/.test(line))
}

/** A title stands at the start of a literal, as it is written there. */
function names(text: string, title: string): boolean {
  return ["'", '"', '`'].some((quote) => text.includes(quote + title.replaceAll(quote, `\\${quote}`) + quote))
}

const page = readFileSync(join(root, 'docs/threats.md'), 'utf8')
const read = (path: string): string | null =>
  existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : null

test('every row of docs/threats.md names tests that are there, or a limit that it states', () => {
  expect(defects(page, read)).toEqual([])
})

test.each([
  [
    'a file that is gone',
    'test/verify/strangers.test.ts',
    'test/verify/gone.test.ts',
    'no file: test/verify/gone.test.ts',
  ],
  [
    'a title that was changed',
    'beside a good image is a note',
    'beside an image',
    'not in test/verify/strangers.test.ts: %s beside an image',
  ],
  ['a part of a title', '"without a platform"', '"without a"', 'not in test/verify/index-children.test.ts: without a'],
  ['a policy line that does not exist', 'accept-embedded-kbs', 'accept-anything', 'no such line: accept-anything'],
  ['a section that is gone', '## The base image', '## The weather', 'fewer than four rows: The base image'],
])('%s is found', (_what, from, to, defect) => {
  expect(
    defects(
      page.replace(from, () => to),
      read,
    ),
  ).toContain(defect)
})

test('a row without a test is found', () => {
  const [row = ''] = rowsOf(page)
  const bare = `${row.split('|').slice(0, 3).join('|')}| nothing |`
  expect(
    defects(
      page.replace(row, () => bare),
      read,
    ),
  ).toEqual([expect.stringMatching(/^no test: attach junk/)])
})

test.each(['README.md', 'SECURITY.md', 'docs/policy.md'])('%s leads to the page', (path) => {
  expect(read(path)).toMatch(/\]\((?:docs\/)?threats\.md\)/)
})
