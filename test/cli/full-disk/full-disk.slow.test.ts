import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { commands } from '../../../src/cli/commands.ts'
import { definitions } from '../../../src/doors/definitions.generated.ts'
import { cleanEnv } from '../../../testkit/cli.ts'
import { root } from '../../../testkit/peers.ts'
import { prepare } from './prepare.ts'
import { rows } from './rows.ts'

const run = promisify(execFile)
type Code = 'disk-full' | 'no-access'
const typedFor = (code: Code): (readonly [string, string])[] =>
  Object.entries(rows).flatMap(([name, row]) =>
    row !== 'reads' && 'type' in row && (row.only ?? code) === code ? [[name, row.type] as const] : [],
  )

interface Ended {
  exitCode: number | string
  error?: { code: string; message: string; remedy: string | null }
}

/** How each writer ends, in a process that `prefix` starts. */
async function each(code: Code, place: string, prefix: readonly string[]): Promise<[string, Ended][]> {
  const typed = typedFor(code)
  const lines = typed.map(([name, type]) => [
    ...name.split(' '),
    ...type.replaceAll('PLACE', place).split(' '),
    '--state',
    join(place, `state-${name.replaceAll(' ', '-')}`),
  ])
  const file = join(place, '..', 'lines.json')
  writeFileSync(file, JSON.stringify(lines), { mode: 0o644 })
  const script = join(import.meta.dirname, 'each.ts')
  const [program, ...args] = [...prefix, process.execPath, script, file, join(root, 'testkit/agent-entry.ts')]
  const env = cleanEnv({
    NODE_COMPILE_CACHE: '',
    GITHUB_RUN_ID: '1',
    GITHUB_RUN_ATTEMPT: '1',
    ACTIONS_ID_TOKEN_REQUEST_URL: 'http://127.0.0.1:9/',
  })
  const { stdout } = await run(program, args, { cwd: place, env, maxBuffer: 1 << 24 })
  const ended = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Ended)
  return typed.map(([name], at) => [name, ended[at] ?? { exitCode: 'it was not run' }])
}

function expectTold(ended: readonly [string, Ended][], code: Code): void {
  const told = Object.fromEntries(
    ended.map(([name, { exitCode, error }]) => [
      name,
      {
        exitCode,
        code: error?.code,
        message: /"\/[^"]+"/.test(error?.message ?? '') ? 'names the path' : error?.message,
        remedy: (error?.remedy ?? '') !== '',
      },
    ]),
  )
  const good = { exitCode: 2, code, message: 'names the path', remedy: true }
  expect(told).toEqual(Object.fromEntries(typedFor(code).map(([name]) => [name, good])))
}

test('every action and command has a row', () => {
  expect(Object.keys(rows).sort()).toEqual([...Object.keys(definitions), ...Object.keys(commands)].sort())
})

test.each(
  Object.entries(rows).flatMap(([name, row]) => (row !== 'reads' && 'file' in row ? [[name, row] as const] : [])),
)('%s writes by what names the path', (_name, { file, by }) => {
  expect(readFileSync(join(root, 'src/cli', file), 'utf8')).toMatch(new RegExp(`\\b${by}\\(`))
})

test('no command that only reads has an option for a file to write', () => {
  const writes = Object.entries(rows)
    .filter(
      ([name, row]) =>
        row === 'reads' && commands[name]?.inputs.some((input) => /^(output|memory|last)$/.test(input.name)),
    )
    .map(([name]) => name)
  expect(writes).toEqual([])
})

test('a full disk is told by its path, and what to do', async () => {
  const place = await prepare()
  expectTold(await each('disk-full', place, ['sh', '-c', 'ulimit -f 0; exec "$@"', 'sh']), 'disk-full')
}, 120_000)

test('a folder without permission is told by its path, and what to do', async () => {
  const place = await prepare()
  await run('chmod', ['-R', 'a+rX,a-w', place])
  // Root is not asked for permissions.
  const prefix = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--clear-groups'] : []
  expectTold(await each('no-access', place, prefix), 'no-access')
}, 120_000)
