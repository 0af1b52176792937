import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkout } from './checkout.ts'
import { runWorkflow } from './run.ts'
import type { RunResult } from './types.ts'
import { parseUses } from './sources.ts'
import { renderReleased } from '../release/render.ts'
import { scratch } from '../../testkit/ports.ts'

type Files = Record<string, string>

function git(folder: string, ...args: string[]): string {
  const who = ['-c', 'user.name=t', '-c', 'user.email=t@example.com']
  return execFileSync('git', ['-C', folder, ...who, ...args], { encoding: 'utf8' }).trim()
}

function write(folder: string, files: Files): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

/** A repository with one commit. */
function repository(files: Files): { folder: string; sha: string } {
  const folder = scratch('repository')
  write(folder, files)
  git(folder, 'init', '-q', '-b', 'main')
  git(folder, 'add', '.')
  git(folder, 'commit', '-qm', 'first')
  return { folder, sha: git(folder, 'rev-parse', 'HEAD') }
}

/** An action that says a word and puts it out. */
const action = (path: string, word: string): Files => ({
  [`${path}/action.yml`]: 'name: a\ndescription: a\noutputs: { said: {} }\nruns: { using: node24, main: main.mjs }\n',
  [`${path}/main.mjs`]: `import { appendFileSync } from 'node:fs'
console.log('said ${word}')
appendFileSync(process.env.GITHUB_OUTPUT, 'said=${word}\\n')
`,
})

const composite = (...steps: string[]): string =>
  `name: c\ndescription: c\nruns:\n  using: composite\n  steps:\n${steps.map((uses) => `    - uses: ${uses}\n`).join('')}`

const called = `on:
  workflow_call:
    inputs: { word: { type: string, default: '' } }
    outputs: { said: { value: "\${{ jobs.j.outputs.said }}" } }
    secrets: { key: {} }
jobs:
  j:
    runs-on: x
    outputs: { said: "\${{ steps.a.outputs.said }}" }
    steps:
      - uses: actions/checkout@v4
      - id: a
        uses: $/actions/a
      - run: echo "key is \${{ secrets.key == 'open sesame' }}, other is \${{ secrets.OTHER == '' }}"
`
const ours: Files = { ...action('actions/a', 'ours'), '.github/workflows/publish.yml': called }

async function run(
  caller: string,
  workflow: { folder: string },
  secrets: Record<string, string> = {},
): Promise<RunResult & { lines: string[]; directory: string }> {
  const lines: string[] = []
  const directory = scratch('run')
  const result = await runWorkflow({
    workflow: 'w.yml',
    repository: caller,
    repositories: { 'them/chain': workflow.folder },
    directory,
    event: 'workflow_dispatch',
    inputs: {},
    secrets,
    env: {},
    node: process.execPath,
    show: (line) => lines.push(line),
  })
  return { ...result, lines, directory }
}

const call = (ref: string, extra = ''): string =>
  `on: workflow_dispatch\njobs:\n  call:\n    uses: them/chain/.github/workflows/publish.yml@${ref}\n${extra}`

describe('uses', () => {
  test.each([
    ['./a', { kind: 'local', path: './a' }],
    ['$/actions/a', { kind: 'self', path: 'actions/a' }],
    ['o/r@v1', { kind: 'remote', repository: 'o/r', path: '.', ref: 'v1' }],
    ['o/r/actions/a@0f', { kind: 'remote', repository: 'o/r', path: 'actions/a', ref: '0f' }],
  ])('%s', (text, expected) => {
    expect(parseUses(text)).toEqual(expected)
  })
  test.each(['$/', '$/a@v1', 'actions/a', 'docker://alpine', '/a', 'o/r'])('%s is refused', (text) => {
    expect(() => parseUses(text)).toThrow('is not ./PATH')
  })
})

describe("another repository's workflow", () => {
  test('finds its own actions, although the caller has none', async () => {
    const workflow = repository(ours)
    const caller = repository({ 'w.yml': call(workflow.sha), 'app.txt': 'app' })
    const result = await run(caller.folder, workflow)
    expect(result.jobs['call']).toMatchObject({ result: 'success', outputs: { said: 'ours' } })
    // What `actions/checkout` gives is the caller's repository.
    expect(existsSync(join(result.directory, 'call-j/work/app.txt'))).toBe(true)
    expect(existsSync(join(result.directory, 'call-j/work/actions'))).toBe(false)
  })

  test("takes nothing from the caller's folders of the same names", async () => {
    const workflow = repository(ours)
    const evil = { ...action('actions/a', 'evil'), '.github/workflows/publish.yml': called.replace('$/', './') }
    const caller = repository({ ...evil, 'w.yml': call(workflow.sha) })
    const result = await run(caller.folder, workflow)
    expect(result.jobs['call']?.outputs).toEqual({ said: 'ours' })
    expect(result.lines.filter((line) => line.startsWith('said'))).toEqual(['said ours'])
  })

  test('with ./actions it would take them: why lint refuses that', async () => {
    const workflow = repository({ ...ours, '.github/workflows/publish.yml': called.replace('$/', './') })
    const caller = repository({ ...action('actions/a', 'evil'), 'w.yml': call(workflow.sha) })
    expect((await run(caller.folder, workflow)).jobs['call']?.outputs).toEqual({ said: 'evil' })
  })

  test('runs its actions of the commit that was named, not of a later one or the work tree', async () => {
    const workflow = repository(ours)
    write(workflow.folder, action('actions/a', 'later'))
    git(workflow.folder, 'commit', '-qam', 'second')
    write(workflow.folder, action('actions/a', 'uncommitted'))
    const caller = repository({ 'w.yml': call(workflow.sha) })
    expect((await run(caller.folder, workflow)).jobs['call']?.outputs).toEqual({ said: 'ours' })
    const newer = repository({ 'w.yml': call('main') })
    expect((await run(newer.folder, workflow)).jobs['call']?.outputs).toEqual({ said: 'later' })
  })

  test('sees only the secrets that the caller hands over', async () => {
    const workflow = repository(ours)
    const secrets = { MINE: 'open sesame', OTHER: 'more of them' }
    const lines = async (extra: string): Promise<string[]> => {
      const caller = repository({ 'w.yml': call(workflow.sha, extra) })
      return (await run(caller.folder, workflow, secrets)).lines.filter((line) => line.startsWith('key is'))
    }
    expect(await lines('    secrets: { key: "${{ secrets.MINE }}" }\n')).toEqual(['key is true, other is true'])
    expect(await lines('')).toEqual(['key is false, other is true'])
    expect(await lines('    secrets: inherit\n')).toEqual(['key is false, other is false'])
  })

  test('runs in its released form too', async () => {
    const first = repository(ours)
    const released = renderReleased(called, 'them/chain', first.sha)
    write(first.folder, { '.github/workflows/publish.yml': released })
    git(first.folder, 'commit', '-qam', 'released')
    const caller = repository({ ...action('actions/a', 'evil'), 'w.yml': call('main') })
    expect((await run(caller.folder, first)).jobs['call']?.outputs).toEqual({ said: 'ours' })
  })

  test.each([
    [
      'a repository that nobody gave',
      'someone/else/.github/workflows/publish.yml@main',
      '--repository someone/else=DIR',
    ],
    ['a commit that is not there', `them/chain/.github/workflows/publish.yml@${'0'.repeat(40)}`, 'Command failed'],
    ['a file that is not there', 'them/chain/.github/workflows/none.yml@main', 'has no ".github/workflows/none.yml"'],
    ['a path that leads out', 'them/chain/../../x.yml@main', 'leads out of them/chain'],
    ['a workflow that is not to be called', 'them/chain/start.yml@main', 'has no workflow_call'],
  ])('is refused: %s', async (_name, uses, message) => {
    const workflow = repository({ ...ours, 'start.yml': 'on: push\njobs: {}\n' })
    const caller = repository({ 'w.yml': `on: workflow_dispatch\njobs: { call: { uses: ${uses} } }\n` })
    await expect(run(caller.folder, workflow)).rejects.toThrow(message)
  })
})

describe('inside composite actions', () => {
  const steps = (...uses: string[]): string =>
    `on: workflow_dispatch\njobs:\n  one:\n    runs-on: x\n    steps:\n${uses.map((text) => `      - uses: ${text}\n`).join('')}`
  const said = ({ lines }: { lines: string[] }): string[] => lines.filter((line) => line.startsWith('said'))

  test("$/ is the action's repository, ./ is the caller's checkout", async () => {
    const workflow = repository({ ...ours, 'c/action.yml': composite('$/actions/a', './actions/a') })
    const caller = repository({
      ...action('actions/a', "the caller's"),
      'w.yml': steps('actions/checkout@v4', './actions/a', `them/chain/c@${workflow.sha}`).replaceAll("'", ''),
    })
    write(caller.folder, action('actions/a', 'mine'))
    expect(said(await run(caller.folder, workflow))).toEqual(['said mine', 'said ours', 'said mine'])
  })

  test('$/ in an action of the workspace is refused: it belongs to no commit', async () => {
    const caller = repository({
      ...ours,
      'c/action.yml': composite('$/actions/a'),
      'w.yml': steps('actions/checkout@v4', './c'),
    })
    const result = await run(caller.folder, caller)
    expect(result.result).toBe('failure')
    expect(result.lines.join('\n')).toContain('belongs to no commit')
  })

  test('$/ in a workflow of the own repository needs no checkout', async () => {
    const caller = repository({ ...ours, 'w.yml': steps('$/actions/a') })
    expect(said(await run(caller.folder, caller))).toEqual(['said ours'])
  })
})

test('a checkout of a linked work tree has a .git of its own', async () => {
  const main = repository({ 'a.txt': 'a' })
  const linked = join(scratch('linked'), 'tree')
  git(main.folder, 'worktree', 'add', '-q', '-b', 'side', linked)
  write(linked, { 'a.txt': 'changed' })
  const workspace = scratch('workspace')
  await checkout(linked, workspace)
  git(workspace, 'remote', 'set-url', 'origin', 'https://example.org/x.git')
  git(workspace, 'config', 'test.mark', 'x')
  expect(git(workspace, 'status', '--porcelain')).toBe('M a.txt')
  expect(git(workspace, 'rev-parse', 'HEAD')).toBe(main.sha)
  expect(() => git(main.folder, 'config', 'test.mark')).toThrow()
})
