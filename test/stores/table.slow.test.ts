import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commands } from '../../src/cli/commands.ts'
import { definitions } from '../../src/doors/definitions.generated.ts'
import { root, withPeers } from '../../testkit/peers.ts'
import { registryPeers } from '../../testkit/registry.ts'
import { attachers, fill, outcome, readers, stores, writers, type Inputs } from './table.ts'

const page = join(root, 'docs/stores.md')

withPeers(
  ['skopeo', registryPeers.docker],
  'docs/stores.md says what every action and command does with every store',
  async () => {
    const places = await fill()
    try {
      const rows = async (
        all: Readonly<Record<string, Inputs>>,
        place: (kind: (typeof stores)[number]) => string,
      ): Promise<string[]> => {
        const lines: string[] = []
        for (const [name, inputs] of Object.entries(all)) {
          const cells: string[] = []
          for (const kind of stores) cells.push(await outcome(name, inputs, places, place(kind)))
          lines.push(`| \`${name}\` | ${cells.map((cell) => (cell === 'yes' ? 'yes' : `\`${cell}\``)).join(' | ')} |`)
        }
        return lines
      }
      const head = [
        `| | ${stores.map((kind) => (kind === 'registry' ? 'registry' : `\`${kind}:\``)).join(' | ')} |`,
        `| --- |${' --- |'.repeat(stores.length)}`,
      ]
      const text = readFileSync(page, 'utf8')
      const tables = {
        read: await rows(readers, (kind) => places.image[kind]),
        attached: await rows(attachers, (kind) => places.image[kind]),
        written: await rows(writers, places.fresh),
      }
      const filled = Object.entries(tables).reduce(
        (all, [marker, lines]) => between(all, marker, [...head, ...lines].join('\n')),
        text,
      )
      // The page is written by SEALWRIGHT_WRITE_STORES=1, and compared otherwise.
      if (process.env['SEALWRIGHT_WRITE_STORES'] === '1') writeFileSync(page, filled)
      expect(squeezed(filled)).toBe(squeezed(readFileSync(page, 'utf8')))
    } finally {
      await places.close()
    }
  },
  300_000,
)

/** Without the padding that aligns a table. */
function squeezed(text: string): string {
  return text.replace(/ +/g, ' ').replace(/-{3,}/g, '---')
}

function between(text: string, marker: string, content: string): string {
  const [before, rest = ''] = text.split(`<!-- ${marker} -->`)
  const [, after = ''] = rest.split(`<!-- /${marker} -->`)
  return `${before}<!-- ${marker} -->\n\n${content}\n\n<!-- /${marker} -->${after}`
}

test('the table has every action and command whose inputs name another store', () => {
  const all = { ...definitions, ...commands }
  const named = Object.keys(all).filter((name) =>
    (all[name]?.inputs ?? []).some(({ description }) => description.includes('docs/stores.md')),
  )
  expect(named.length).toBeGreaterThan(7)
  expect(named.filter((name) => !(name in readers || name in attachers))).toEqual([])
})
