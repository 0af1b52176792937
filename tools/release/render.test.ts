import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { renderReleased } from './render.ts'
import { root } from '../../testkit/peers.ts'

const sha = '0123456789abcdef0123456789abcdef01234567'

interface WorkflowFile {
  permissions: object
  jobs: Record<string, { permissions: object; steps: { uses?: string; with?: Record<string, unknown> }[] }>
}

test.each(['.github/workflows/publish.yml', 'examples/confidential-supply-chain.yml'])(
  'the released form of %s names every action by commit',
  (path) => {
    const text = readFileSync(join(root, path), 'utf8')
    const released = parse(renderReleased(text, 'example/sealwright', sha)) as WorkflowFile
    const uses = Object.values(released.jobs).flatMap((job) => job.steps.map((step) => step.uses ?? ''))
    expect(uses.length).toBeGreaterThan(6)
    for (const used of uses) expect(used).toMatch(/@[0-9a-f]{40}$/)
    expect(uses).toContain(`example/sealwright/actions/sign-attest@${sha}`)
  },
)

test.each([
  ['examples/one-step.yml', `example/sealwright@${sha}`],
  ['examples/reusable-workflow.yml', `example/sealwright/.github/workflows/publish.yml@${sha}`],
])('the released form of %s names %s', (path, name) => {
  const released = renderReleased(readFileSync(join(root, path), 'utf8'), 'example/sealwright', sha)
  expect(released).toContain(`uses: ${name}\n`)
  expect(released).not.toMatch(/uses: [.$]\//)
})

test.each([
  ['a tag', 'o/r', 'v1'],
  ['a short commit', 'o/r', '0123456'],
  ['no repository', 'r', sha],
])('refuses %s', (_name, repository, commit) => {
  expect(() => renderReleased('    - uses: ./actions/sbom', repository, commit)).toThrow()
})

test.each(['./actions/Other', '$/tools/x', '$/actions/sbom@v1', './.github/workflows/deep/x.yml'])(
  'refuses a workflow in which %s would stay',
  (left) => {
    const text = `    - uses: $/actions/sbom\n    - uses: ${left}\n`
    expect(() => renderReleased(text, 'o/r', sha)).toThrow(left)
  },
)

test('refuses a workflow without our actions', () => {
  expect(() => renderReleased('jobs: {}', 'o/r', sha)).toThrow('uses no action')
})

describe.each(['.github/workflows/publish.yml', 'examples/confidential-supply-chain.yml', 'examples/one-step.yml'])(
  '%s',
  (path) => {
    const workflow = parse(readFileSync(join(root, path), 'utf8')) as WorkflowFile
    test('gives nothing by default and keeps no credentials in the checkout', () => {
      expect(workflow.permissions).toEqual({})
      for (const job of Object.values(workflow.jobs)) {
        expect(job.permissions).toEqual({ contents: 'read', 'id-token': 'write' })
        const checkout = job.steps.find((step) => step.uses?.startsWith('actions/checkout@'))
        expect(checkout?.with).toMatchObject({ 'persist-credentials': false })
      }
    })
    test('gives each action only inputs that it has', () => {
      for (const step of Object.values(workflow.jobs).flatMap((job) => job.steps)) {
        const own = /^[.$](\/.*)$/.exec(step.uses ?? '')?.[1]
        if (own === undefined) continue
        const file = join(root, own, 'action.yml')
        expect(existsSync(file)).toBe(true)
        const { inputs } = parse(readFileSync(file, 'utf8')) as { inputs: object }
        for (const name of Object.keys(step.with ?? {})) expect(Object.keys(inputs)).toContain(name)
      }
    })
  },
)
