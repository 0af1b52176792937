import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Technology } from '../../../src/base/technology.ts'
import { clauseOf, clauseTables } from '../../../src/tee/verify/clauses.ts'
import { root } from '../../../testkit/peers.ts'

const folders: Readonly<Record<string, readonly Technology[]>> = {
  snp: ['snp'],
  tdx: ['tdx'],
  tpm: ['tpm'],
  azure: ['az-snp-vtpm', 'az-tdx-vtpm'],
}

/**
 * Names of checks as they stand in the source: first argument of what notes a check. Names that are put together of parts are no literals and
 * are seen by the tests of verdicts.
 */
function literals(folder: string): string[] {
  const files = readdirSync(join(root, 'src/tee/verify', folder)).filter((name) => name.endsWith('.ts'))
  return files.flatMap((file) => {
    const source = readFileSync(join(root, 'src/tee/verify', folder, file), 'utf8')
    const calls = source.matchAll(/\b(?:steps\.note|steps\.read|note|among|check)\(\s*'([^']+)'/g)
    const objects = source.matchAll(/\{ name: '([^']+)', ok/g)
    return [...calls, ...objects].map(([, name]) => name ?? '')
  })
}

test.each(Object.entries(folders))('each check of src/tee/verify/%s has a clause', (folder, technologies) => {
  const names = literals(folder)
  expect(names.length).toBeGreaterThan(3)
  for (const technology of technologies) {
    expect(names.filter((name) => clauseOf(technology, name) === null)).toEqual([])
  }
})

test('the register has a clause where there is one', () => {
  for (const technology of ['tdx', 'tpm', 'az-snp-vtpm', 'az-tdx-vtpm'] as const) {
    expect(clauseOf(technology, 'register')).not.toBeNull()
  }
})

test('clauses and what they say are complete, and no name has two', () => {
  for (const [technology, table] of Object.entries(clauseTables)) {
    expect(Object.keys(table).length).toBeGreaterThan(2)
    for (const [name, [clause, what]] of Object.entries(table)) {
      expect([technology, name, clause.length > 3, what.endsWith('.')]).toEqual([technology, name, true, true])
    }
  }
})

test('a name that no verifier has gets none', () => {
  for (const name of ['', 'nothing', 'replay ', 'toString', 'snp: nothing']) expect(clauseOf('tdx', name)).toBeNull()
  expect(clauseOf('tdx', 'replay RTMR0')).toMatchObject({ clause: expect.stringContaining('TCG') as string })
  expect(clauseOf('az-tdx-vtpm', 'tdx: replay RTMR0')).not.toBeNull()
  expect(clauseOf('snp', 'trailing-bytes')).not.toBeNull()
})
