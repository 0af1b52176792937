import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { jsonLine, printable, printableLines, visible } from '../../src/base/printable.ts'
import { outputLines } from '../../src/cli/output-lines.ts'
import { html, md } from '../../src/report/escape.ts'
import { renderMarkdown } from '../../src/report/markdown.ts'
import { stderrLog } from '../../src/runner/log.ts'
import { root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { commandsIn } from '../../testkit/runner-commands.ts'

/** Each is a command to the runner as it stands, or ends a line that then holds one. */
const hostile = [
  '::set-output name=digest::sha256:evil',
  '  \t ::stop-commands::token',
  '\u00a0\u2003\u3000::add-path::/tmp/x',
  '\ufeff::set-env name=PATH::/tmp/x',
  'progress 10 %\r::set-output name=digest::sha256:evil',
  'a\r\n::error::b',
  'a\n::warning::b\n  ::notice::c',
  'deep in a line ##[set-output name=digest]sha256:evil',
  '##[stop-commands]token',
  '###[error]x',
  '#\u00ad#[add-mask]x',
  '#\u200d#\u034f[add-mask]x',
  '\u0301:\u2060:debug::x',
  '\u0000::group::x',
  '\u2028::endgroup::',
  '##[group]##[error]x',
  '::echo::on',
]

/** No byte of it may act on a terminal either. */
// oxlint-disable-next-line no-control-regex
const acting = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/

test('the parser of these tests finds what the runner would', () => {
  expect(hostile.flatMap(commandsIn).length).toBeGreaterThanOrEqual(hostile.length)
  expect(commandsIn('a ::error::b\n::nothing::\n## [error]x\n::1 and ::2')).toEqual([])
})

describe('foreign text', () => {
  test.each(hostile)('%j is text, on one line and on several', (text) => {
    for (const shown of [printable(text), printableLines(text), printableLines(`build: ${text}`), jsonLine({ text })]) {
      expect(commandsIn(shown)).toEqual([])
      expect(shown).not.toMatch(acting)
    }
    expect(printable(text)).not.toContain('\n')
    expect(JSON.parse(jsonLine({ [text]: [text] }))).toEqual({ [text]: [text] })
  })

  test('ordinary text stays as it is', () => {
    for (const text of ['a::b, std::string', 'Größe: 3 µs – 𝄞 ✓ 中文', '# [x]', '## heading', 'x = [::]', ' indented'])
      expect(printable(text)).toBe(text)
    expect(printableLines('a\tb\r\n\nc')).toBe('a    b\n\nc')
    expect(visible('::x ##[y]\u001b[1m')).toBe('::x ##[y]\\u001b[1m')
    expect(printable('\u{e0001}')).toBe('\\udb40\\udc01')
  })

  test('summary and page: no control character, no markup', () => {
    const text = hostile.join('\n')
    expect(md(text)).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    expect(html(`<b>${text}\u202e`)).not.toMatch(acting)
    const report = {
      headline: text,
      status: 'refused' as const,
      subject: { name: text, digest: text },
      facts: [['claim', text] as [string, string]],
      tables: [{ title: text, header: [text], rows: [[text]] }],
      exceptions: [text],
      commands: [{ title: text, lines: [text] }],
      notes: [text],
      details: {},
    }
    const markdown = renderMarkdown('sbom', report, [text])
    expect(markdown).not.toMatch(acting)
    expect(commandsIn(markdown)).toEqual([])
  })
})

test('the log on stderr: every kind of line, and secrets that an escape would have hidden', () => {
  const written: string[] = []
  const stream = { isTTY: true, write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream
  const log = stderrLog({ verbose: true, progressEveryMs: -1, stream })
  log.mask('pass\tword\u200b')
  for (const text of [...hostile, 'the pass\tword\u200b here']) {
    log.debug(text)
    log.info(text)
    log.warn(text)
    log.progress(text)
    void log.group(text, async () => {})
  }
  const all = written.join('')
  expect(commandsIn(all)).toEqual([])
  // Our own two: back to the start of the line, and clear it.
  expect(all.replaceAll('\r\u001b[K', '')).not.toMatch(acting)
  expect(all).toContain('warning: the *** here')
  expect(all).not.toContain('word')
})

const step = `
import { openRunner } from ${JSON.stringify(join(root, 'src/runner/actions.ts'))}
const texts = ${JSON.stringify(hostile)}
const runner = await openRunner({})
for (const text of texts) {
  runner.log.debug(text)
  runner.log.info(text)
  runner.log.warn(text)
  await runner.log.group(text, async () => {})
  runner.fail(text, text)
}
runner.log.progress(texts.join('\\n'))
runner.log.mask('a later secret')
runner.log.info('shows a later secret?')
`

test('a step: the only commands in its output are the ones that we make, and a later mask is heard', async () => {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', step], {
    cwd: root,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  child.stdout.on('data', (data: Buffer) => (printed += data.toString()))
  await once(child, 'close')
  const commands = commandsIn(printed)
  expect(commands.slice(0, 5)).toEqual(['debug', 'warning', 'group', 'endgroup', 'error'])
  expect(commands.filter((_, i) => i < hostile.length * 5)).toEqual(
    hostile.flatMap(() => ['debug', 'warning', 'group', 'endgroup', 'error']),
  )
  expect(commands.slice(hostile.length * 5)).toEqual(['add-mask'])
  expect(printed).not.toContain('shows a later')
  // The text of an annotation holds none either: the runner prints it once more.
  const texts = printed.split('\n').map((line) => line.replace(/^::[a-z-]+(?: title=[^:]*)?::/, ''))
  for (const text of texts) expect(commandsIn(text.replaceAll('%0A', '\n').replaceAll('%0D', '\r'))).toEqual([])
  expect(printed).not.toMatch(acting)
})

/** A program of ours run from sources, and what it printed. */
async function printedBy(program: readonly string[], env: Record<string, string> = {}): Promise<[string, string]> {
  const child = spawn(process.execPath, [...program], { cwd: root, env: { PATH: process.env['PATH'], ...env } })
  const told: [string, string] = ['', '']
  child.stdout.on('data', (data: Buffer) => (told[0] += data.toString()))
  child.stderr.on('data', (data: Buffer) => (told[1] += data.toString()))
  await once(child, 'close')
  return told
}

describe('the command line', () => {
  test('no line of an output passes for another output, or for a command', () => {
    const text = outputLines({
      verified: 'false',
      'key-uri': 'kbs:///a/b/c\nkbs:///a/b/d',
      note: hostile.join('\nverified=true\n'),
    })
    const lines = text.trimEnd().split('\n')
    expect(lines.slice(0, 3)).toEqual(['verified=false', 'key-uri=kbs:///a/b/c', 'key-uri=kbs:///a/b/d'])
    expect(lines.slice(3).filter((line) => !line.startsWith('note='))).toEqual([])
    expect(commandsIn(text)).toEqual([])
    expect(text).not.toMatch(acting)
    expect(outputLines({ empty: '' })).toBe('empty=\n')
  })

  test.each([[[]], [['--json']]])('passes on what a server says as text: %j', async (options) => {
    const server = createServer((_request, response) => {
      const errors = [{ code: '##[error]x', message: hostile.join(' ') }]
      response.writeHead(403, { 'content-type': 'application/json' }).end(JSON.stringify({ errors }))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const state = scratch('state')
    const image = `127.0.0.1:${port}/a:1`
    const cli = [join(root, 'bench/from-sources.ts'), 'sbom', '--image', image, '--state', state, ...options]
    const [out, err] = await printedBy(cli, { HOME: state })
    server.close()
    expect(commandsIn(out + err)).toEqual([])
    expect(out + err).not.toMatch(acting)
    expect(out + err).toContain('unauthorized')
    if (options.length > 0) expect(JSON.parse(out)).toMatchObject({ error: { code: 'unauthorized' } })
  })

  test.each([[false], [true]])(
    'an archive of a tool says nothing on stdout, whatever its files are called: tool cache %s',
    async (cached) => {
      const folder = scratch('archive')
      const cache = cached ? { RUNNER_TOOL_CACHE: scratch('cache') } : {}
      mkdirSync(join(folder, 'in'))
      for (const name of ['tool', '##[set-output name=a]b', '::stop-commands::x'])
        writeFileSync(join(folder, 'in', name), '')
      execFileSync('tar', ['-C', join(folder, 'in'), '-czf', join(folder, 't.tgz'), '.'])
      const bytes = readFileSync(join(folder, 't.tgz'))
      const server = createServer((_request, response) => response.end(bytes)).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/t.tgz`
      const program = `
      import { installTool, parseTools } from ${JSON.stringify(join(root, 'src/runner/tools.ts'))}
      import { makePorts } from ${JSON.stringify(join(root, 'src/runner/make-ports.ts'))}
      const ports = makePorts({ env: process.env, cwd: '/' })
      for (const tool of parseTools(['tool@1=sha256:${createHash('sha256').update(bytes).digest('hex')} ${url}']))
        await installTool(tool, ${JSON.stringify(join(folder, 'out'))}, ports)`
      const told = await printedBy(['--input-type=module-typescript', '-e', program], { RUNNER_DEBUG: '1', ...cache })
      server.close()
      expect(told).toEqual(['', ''])
      expect(readdirSync(join(folder, 'out/tool-1')).sort()).toEqual([
        '##[set-output name=a]b',
        '::stop-commands::x',
        'tool',
      ])
    },
  )
})

describe('a reader that has gone', () => {
  test.each([['--help'], ['tee', '--help']])('is no error of the command line: %s %s', async (...args) => {
    const child = spawn(process.execPath, [join(root, 'bench/from-sources.ts'), ...args], {
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let told = ''
    child.stderr.on('data', (data: Buffer) => (told += data.toString()))
    child.stdout.destroy()
    const [code] = (await once(child, 'close')) as [number]
    expect([code, told]).toEqual([0, ''])
  })
})
