import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { parseCommand, parseFileCommands } from './commands.ts'
import { condition, evaluate, interpolate } from './expressions.ts'
import { startIssuer } from './oidc.ts'
import { runWorkflow } from './run.ts'
import type { RunResult } from './types.ts'
import { scratch } from '../../testkit/ports.ts'

const fine = { failed: false, cancelled: false }

describe('expressions', () => {
  test('replace every pair of braces and keep the rest', () => {
    expect(interpolate("a ${{ inputs.x }}-${{ format('{0}!', inputs.y) }}", { inputs: { x: 'b', y: 3 } }, fine)).toBe(
      'a b-3!',
    )
  })
  test('an if means success unless it names a status', () => {
    expect(condition("inputs.x == 'b'", { inputs: { x: 'b' } }, { failed: true, cancelled: false })).toBe(false)
    expect(condition('failure()', {}, { failed: true, cancelled: false })).toBe(true)
    expect(condition(undefined, {}, fine)).toBe(true)
    expect(condition('${{ always() }}', {}, { failed: true, cancelled: false })).toBe(true)
  })
  test('an unknown context is refused', () => {
    expect(() => evaluate('matrix.os', {}, fine)).toThrow()
  })
})

describe('commands', () => {
  const file = (text: string): string => {
    const path = join(scratch('commands'), 'f')
    writeFileSync(path, text)
    return path
  }
  test('file commands hold single lines and heredocs', () => {
    expect(parseFileCommands(file('a=1=2\nb<<X\nl1\nl2\nX\n'))).toEqual([
      ['a', '1=2'],
      ['b', 'l1\nl2'],
    ])
  })
  test.each(['b<<X\nl1\n', 'nonsense\n'])('a broken file command is refused: %j', (text) => {
    expect(() => parseFileCommands(file(text))).toThrow(/Invalid format|delimiter/)
  })
  test('line commands are unescaped once', () => {
    expect(parseCommand('::error title=x::a%0Ab%250A')).toEqual({ name: 'error', data: 'a\nb%0A' })
    expect(parseCommand('no command ::')).toBeNull()
  })
})

test('the issuer gives a job its own claims for the wanted audience, and nobody else', async () => {
  const issuer = await startIssuer()
  try {
    const env = issuer.forJob({ repository: 'o/r', ref: 'refs/heads/x' })
    const get = (token: string): Promise<Response> =>
      fetch(`${env.ACTIONS_ID_TOKEN_REQUEST_URL}&audience=me`, { headers: { authorization: `bearer ${token}` } })
    const { value } = (await (await get(env.ACTIONS_ID_TOKEN_REQUEST_TOKEN)).json()) as { value: string }
    const keys = createLocalJWKSet(issuer.jwks)
    const { payload } = await jwtVerify(value, keys, { issuer: issuer.url, audience: 'me' })
    expect(payload).toMatchObject({ repository: 'o/r', sub: 'repo:o/r:ref:refs/heads/x' })
    expect((await get('other')).status).toBe(401)
  } finally {
    await issuer.close()
  }
})

describe('workflows', () => {
  const run = async (
    files: Record<string, string>,
    inputs: Record<string, string> = {},
  ): Promise<RunResult & { lines: string[] }> => {
    const repository = scratch('repo')
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(repository, path)), { recursive: true })
      writeFileSync(join(repository, path), text)
    }
    const git = (...args: string[]): Buffer =>
      execFileSync('git', ['-C', repository, '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args])
    git('init', '-q', '-b', 'main')
    git('add', '.')
    git('commit', '-qm', 'x')
    const lines: string[] = []
    const result = await runWorkflow({
      workflow: 'w.yml',
      repository,
      directory: scratch('run'),
      event: 'workflow_dispatch',
      inputs,
      secrets: { S: 'hunter22' },
      env: {},
      node: process.execPath,
      show: (line) => lines.push(line),
    })
    return { ...result, lines }
  }
  const action = (main: string, extra = ''): Record<string, string> => ({
    'a/action.yml': `name: a\ndescription: a\ninputs:\n  x-y:\n    default: d\noutputs:\n  o: {}\nruns:\n  using: node24\n  main: main.mjs\n${extra}`,
    'a/main.mjs': main,
  })

  test('chain outputs over steps and jobs, run post steps in reverse, mask secrets', async () => {
    const result = await run({
      ...action(
        `import { appendFileSync as put } from 'node:fs'
         put(process.env.GITHUB_OUTPUT, 'o=' + process.env['INPUT_X-Y'] + '\\n')
         put(process.env.GITHUB_STATE, 'n=' + process.env['INPUT_X-Y'] + '\\n')
         put(process.env.GITHUB_ENV, 'FROM=' + process.env['INPUT_X-Y'] + '\\n')`,
        '  post: post.mjs\n',
      ),
      'a/post.mjs': `console.log('post', process.env.STATE_n)`,
      'w.yml': `on: workflow_dispatch
jobs:
  one:
    runs-on: x
    outputs: { o: "\${{ steps.two.outputs.o }}" }
    steps:
      - uses: actions/checkout@v4
      - uses: ./a
      - id: two
        uses: ./a
        with: { x-y: "\${{ env.FROM }}2" }
      - run: echo "$V hunter22"
        env: { V: "\${{ secrets.S }}" }
  two:
    needs: one
    runs-on: x
    outputs: { got: "\${{ steps.s.outputs.v }}" }
    steps:
      - id: s
        run: echo "v=\${{ needs.one.outputs.o }}" >> "$GITHUB_OUTPUT"
`,
    })
    expect(result.result).toBe('success')
    expect(result.jobs['two']?.outputs['got']).toBe('d2')
    expect(result.lines.filter((line) => line.startsWith('post '))).toEqual(['post d2', 'post d'])
    expect(result.lines).toContain('*** ***')
  })

  test('composite actions and reusable workflows hand inputs in and outputs out', async () => {
    const result = await run({
      'c/action.yml': `name: c
description: c
inputs: { in: { default: q } }
outputs: { out: { value: "\${{ steps.s.outputs.v }}" } }
runs:
  using: composite
  steps:
    - id: s
      shell: bash
      run: echo "v=\${{ inputs.in }}-$(basename "$GITHUB_ACTION_PATH")" >> "$GITHUB_OUTPUT"
`,
      'called.yml': `on:
  workflow_call:
    inputs: { word: { type: string, required: true } }
    outputs: { said: { value: "\${{ jobs.j.outputs.said }}" } }
jobs:
  j:
    runs-on: x
    outputs: { said: "\${{ steps.c.outputs.out }}" }
    steps:
      - uses: actions/checkout@v4
      - { id: c, uses: ./c, with: { in: "\${{ inputs.word }}" } }
`,
      'w.yml': `on: workflow_dispatch
jobs:
  call: { uses: ./called.yml, with: { word: hello } }
`,
    })
    expect(result.jobs['call']?.outputs).toEqual({ said: 'hello-c' })
  })

  test('a failed step fails the job, skips what needs it, and still runs always()', async () => {
    const result = await run({
      'w.yml': `on: workflow_dispatch
jobs:
  one:
    runs-on: x
    outputs: { seen: "\${{ steps.after.outputs.v }}" }
    steps:
      - { run: exit 3, continue-on-error: true }
      - run: exit 3
      - run: echo never
      - { id: after, if: always(), run: 'echo v=\${{ job.status }} >> "$GITHUB_OUTPUT"' }
  two: { needs: one, runs-on: x, steps: [{ run: echo never }] }
`,
    })
    expect(result.result).toBe('failure')
    expect(result.jobs['one']?.outputs['seen']).toBe('failure')
    expect(result.jobs['two']?.result).toBe('skipped')
    expect(result.lines).not.toContain('never')
  })

  test.each([
    ['strategy', 'on: workflow_dispatch\njobs: { a: { runs-on: x, strategy: {}, steps: [] } }'],
    ['container', 'on: workflow_dispatch\njobs: { a: { runs-on: x, container: y, steps: [] } }'],
    ['defaults', 'on: workflow_dispatch\ndefaults: {}\njobs: {}'],
  ])('what it does not know it refuses: %s', async (key, text) => {
    await expect(run({ 'w.yml': text })).rejects.toThrow(`does not know "${key}"`)
  })

  test('an unknown input of the workflow is refused', async () => {
    await expect(run({ 'w.yml': 'on: workflow_dispatch\njobs: {}' }, { x: '1' })).rejects.toThrow('no input x')
  })
})
