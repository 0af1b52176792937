import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { technologies } from '../../../src/base/technology.ts'
import { clauseTables } from '../../../src/tee/verify/clauses.ts'
import { root } from '../../../testkit/peers.ts'
import { failedChecks } from '../../../testkit/tee/synthetic/case.ts'
import { gapCases } from '../../../testkit/tee/synthetic/gap-cases.ts'
import { elsewhere, proofsOf } from '../../../testkit/tee/synthetic/proofs.ts'

test.each(gapCases.map((one) => [`${one.technology}: ${one.name}`, one] as const))(
  '%s',
  (_name, { expectedCheck, echoes = [], run }) => {
    const verdict = run()
    expect(failedChecks(verdict).sort()).toEqual([expectedCheck, ...echoes].sort())
    expect(verdict.status).toBe('refused')
  },
)

test.each(technologies)('%s: each check has a negative that it refuses', (technology) => {
  const unproved = Object.keys(clauseTables[technology]).filter((check) => proofsOf(technology, check).length === 0)
  expect(unproved).toEqual([])
})

test('tests that are named as proofs are there', () => {
  for (const [, check, { file, what }] of elsewhere) {
    expect(
      existsSync(join(root, file)) && readFileSync(join(root, file), 'utf8').includes(what) ? null : check,
    ).toBeNull()
  }
})
