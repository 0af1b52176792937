import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { withPeers } from '../../testkit/peers.ts'
import { otherPeers } from './others.ts'
import { carriedColumns, runCarried } from './carries.ts'
import { differences, resultsPath, type Results } from './results.ts'
import { columns, runMatrix } from './run.ts'
import { carriedParts, othersInCi, rows } from './rows.ts'

const kept = JSON.parse(readFileSync(join(import.meta.dirname, resultsPath), 'utf8')) as Results

withPeers(
  otherPeers,
  'what we and others do on registries of all kinds is what docs/registries.md says',
  async () => {
    const found = await runMatrix(({ name, long }) =>
      long === true ? 'none' : othersInCi.includes(name) ? 'all' : 'ours',
    )
    expect(differences(kept.lines, found)).toEqual([])
    expect(found.length).toBeGreaterThan(25)
    expect(found.filter(({ cells }) => 'crane' in cells)).toHaveLength(othersInCi.length)
  },
  600_000,
)

withPeers(
  otherPeers,
  'what commands that copy carry over is what docs/registries.md says',
  async () => {
    const found = await runCarried()
    expect(differences(kept.carried, found)).toEqual([])
    const ours = found.find(({ row }) => row.startsWith('sealwright'))
    expect(Object.values(ours?.cells ?? {})).toEqual(Object.keys(carriedParts).map(() => 'yes'))
  },
  120_000,
)

test('the page has every row and every column', () => {
  expect(kept.lines.map(({ row }) => row)).toEqual(rows.map(({ name }) => name))
  for (const { row, cells } of kept.lines)
    expect([row, Object.keys(cells)]).toEqual([row, row === 'OCI layout' ? columns.slice(0, 4) : [...columns]])
  expect(kept.carried.map(({ row }) => row)).toEqual(carriedColumns)
  for (const { cells } of kept.carried) expect(Object.keys(cells)).toEqual(Object.keys(carriedParts))
})

test('a difference is told', () => {
  const cells = { publish: 'yes', crane: 'yes' }
  const old = [{ row: 'a', cells }]
  expect(differences(old, [{ row: 'a', cells }])).toEqual([])
  expect(differences(old, [{ row: 'a', cells: { publish: 'refused', oras: 'yes' } }])).toEqual([
    'a, publish: was yes, is refused',
    'a, oras: was not tried, is yes',
  ])
  expect(differences(old, [{ row: 'b', cells: { crane: 'yes' } }])).toEqual(['b, crane: was not tried, is yes'])
})
