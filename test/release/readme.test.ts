import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { root } from '../../testkit/peers.ts'

interface Step {
  uses?: string
  with?: Record<string, unknown>
  secrets?: Record<string, unknown>
}

interface Fragment {
  permissions?: object
  steps?: Step[]
  jobs?: Record<string, Step & { steps?: Step[] }>
}

interface Called {
  inputs?: Record<string, { required?: boolean; default?: unknown }>
  secrets?: object
}

const pages = [
  'README.md',
  'docs/root-action.md',
  'docs/reusable-workflow.md',
  ...readdirSync(join(root, 'actions')).map((name) => `actions/${name}/README.md`),
]
const blocks = pages.flatMap((page) =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/```yaml\n([^]*?)```/g)].map(
    (found, index) => [`${page} (${index + 1})`, found[1] ?? ''] as const,
  ),
)

/** Inputs of what `OWNER/REPO…@SHA` names, in this repository. */
function called(uses: string): Called {
  const path = uses.replace(/^OWNER\/REPO\/?/, '').replace(/@SHA$/, '')
  const file = path.endsWith('.yml') ? path : join(path, 'action.yml')
  expect([uses, existsSync(join(root, file))]).toEqual([uses, true])
  const document = parse(readFileSync(join(root, file), 'utf8')) as Called & { on?: { workflow_call?: Called } }
  return document.on?.workflow_call ?? document
}

describe.each(blocks)('%s', (_name, text) => {
  const fragment = parse(text) as Fragment
  const jobs = Object.values(fragment.jobs ?? {})
  const steps = [...(fragment.steps ?? []), ...jobs.flatMap((job) => job.steps ?? []), ...jobs]

  test('is short, and says first which permissions it needs', () => {
    expect(text.trimEnd().split('\n').length).toBeLessThan(20)
    if (fragment.permissions !== undefined) expect(Object.keys(fragment)[0]).toBe('permissions')
  })

  test('gives what it uses only inputs that there are, and all that it must have', () => {
    for (const step of steps) {
      const { uses } = step
      if (uses === undefined) continue
      if (!uses.startsWith('OWNER/')) {
        expect(uses).toMatch(/@[0-9a-f]{40}$/)
        continue
      }
      expect(uses).toMatch(/^OWNER\/REPO(\/[\w./-]+)?@SHA$/)
      const { inputs = {}, secrets = {} } = called(uses)
      const given = Object.keys(step.with ?? {})
      expect(Object.keys(inputs)).toEqual(expect.arrayContaining(given))
      expect(Object.keys(secrets)).toEqual(expect.arrayContaining(Object.keys(step.secrets ?? {})))
      const needed = Object.entries(inputs).filter(([, input]) => input.required === true)
      expect(given).toEqual(expect.arrayContaining(needed.map(([name]) => name)))
    }
  })
})

test.each(pages.filter((page) => page !== 'README.md'))('%s begins with its permissions', (page) => {
  const [title, block] = readFileSync(join(root, page), 'utf8').split(/\n+```yaml\n/, 2)
  expect(title).toMatch(/^# [^\n]+$/)
  expect(block).toMatch(/^permissions:/)
})
