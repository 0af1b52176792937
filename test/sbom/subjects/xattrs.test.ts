import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Exec, ExecOptions } from '../../../src/base/ports.ts'
import { sha256 } from '../../../src/base/streams.ts'
import { readXattrs } from '../../../src/sbom/subjects/tree/xattrs.ts'
import { startAgent } from '../../../testkit/agent.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { documentsOf, fill, inventoryOf, run } from './run.ts'
import { setXattrs, testXattrs } from './set-xattrs.ts'

const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex').toString('latin1')
const asRoot = process.geteuid?.() === 0

function folder(): string {
  const root = fill(scratch('xattrs'), { a: 'a', 'd/b': 'b', 'd/plain': 'p', 'line\nfeed': 'x' })
  symlinkSync('a', join(root, 'link'))
  mkdirSync(join(root, 'empty'))
  setXattrs(
    [join(root, 'a'), 'user.short', 'value'],
    [join(root, 'a'), 'user.long', 'v'.repeat(100)],
    [join(root, 'd'), 'user.on=folder', '\0\xff'],
    [join(root, 'd/b'), 'user.empty', ''],
    [join(root, 'd/b'), 'user.overlay.metacopy', 'x'],
    [join(root, 'd/b'), 'user.\xff\n', 'bytes'],
    [join(root, 'line\nfeed'), 'user.x', 'y'],
  )
  if (asRoot) setXattrs([join(root, 'a'), 'security.capability', capability])
  return root
}

const expected = {
  a: {
    ...(asRoot ? { 'security.capability': Buffer.from(capability, 'latin1').toString('hex') } : {}),
    'user.long': sha256('v'.repeat(100)),
    'user.short': Buffer.from('value').toString('hex'),
  },
  d: { 'user.on=folder': '00ff' },
  'd/b': {
    'user.empty': sha256(''),
    'user.overlay.metacopy': '78',
    'user.\0ff\n': Buffer.from('bytes').toString('hex'),
  },
  'line\nfeed': { 'user.x': '79' },
}

testXattrs('attributes of a folder are in its inventory, also in a worker', async () => {
  const root = folder()
  const here = await run({ subject: `directory:${root}` })
  const found = inventoryOf(here).flatMap(({ path, xattrs }) => (xattrs === undefined ? [] : [[path, xattrs] as const]))
  expect(Object.fromEntries(found)).toEqual(expected)
  expect(here.outputs['complete']).toBe('true')
  const agent = await startAgent()
  try {
    expect(documentsOf(await run({ subject: `directory:${root}` }, agent.ports, agent.directory))).toEqual(
      documentsOf(here),
    )
  } finally {
    await agent.client.stop()
  }
})

testXattrs('a source has none: git knows none', async () => {
  const found = inventoryOf(await run({ subject: `source:${folder()}` }))
  expect(found.length).toBeGreaterThan(3)
  expect(found.filter(({ xattrs }) => xattrs !== undefined)).toEqual([])
})

/** Says what a program would say. */
function saying(stdout: string, code = 0): Pick<Exec, 'find' | 'run'> {
  return {
    find: (name) => Promise.resolve(`/usr/bin/${name}`),
    run: () => Promise.resolve({ code, stdout: Buffer.from(stdout), stderr: '' }),
  }
}

test('without Python, where Python cannot read them, and where it fails, a gap says that they are missing', async () => {
  const none = { ...saying(''), find: () => Promise.resolve(null) }
  for (const [exec, why] of [
    [none, 'python3, which reads them, is not installed'],
    [saying('0 75 00\n', 3), 'python3 cannot read them on this machine'],
    [saying('0 75 00\n', 1), 'python3 ended with 1'],
  ] as const) {
    const { found, gaps } = await readXattrs('/', ['a'], exec)
    expect([...found]).toEqual([])
    expect(gaps).toMatchObject([
      { path: '.', kind: 'xattrs', reason: 'unsupported', why: expect.stringContaining(why) },
    ])
  }
  const root = fill(scratch('xattrs'), { a: 'a' })
  const ports = testPorts()
  const find: Exec['find'] = (name) => (name === 'python3' ? Promise.resolve(null) : ports.exec.find(name))
  const { outputs } = await run({ subject: `directory:${root}` }, { ...ports, exec: { ...ports.exec, find } })
  expect(outputs).toMatchObject({ complete: 'false', unread: '["xattrs"]' })
})

test('what cannot be read of one path is a gap of it, unless its file system has no attributes; a label of the host is left out', async () => {
  const paths = ['none', 'denied', 'both', 'label']
  const hex = (text: string): string => Buffer.from(text).toString('hex')
  const lines = [
    '0 ! 95',
    '1 ! 13',
    `2 ${hex('user.a')} ${hex('1')}`,
    '2 ! 61',
    `3 ${hex('security.selinux')} ${hex('x')}`,
    `9 ${hex('user.a')} 00`,
  ]
  const { found, gaps } = await readXattrs('/', paths, saying(`${lines.join('\n')}\n`))
  expect([...found]).toEqual([['both', { 'user.a': '31' }]])
  expect(gaps.map(({ path, reason }) => [path, reason])).toEqual([
    ['denied', 'unreadable'],
    ['both', 'unreadable'],
  ])
})

test('gaps of many paths are few, and an empty folder starts nothing', async () => {
  const paths = Array.from({ length: 300 }, (_, i) => `p${i}`)
  const { gaps } = await readXattrs('/', paths, saying(paths.map((_, i) => `${i} ! 13\n`).join('')))
  expect(gaps).toHaveLength(101)
  expect(gaps.at(-1)).toMatchObject({ path: '.', why: expect.stringContaining('200 more paths') })
  const run = (): Promise<never> => Promise.reject(new Error('not called'))
  expect((await readXattrs('/', [], { find: run, run })).gaps).toEqual([])
})

test('nothing of the folder is run or loaded by Python', async () => {
  const asked: [readonly string[], ExecOptions | undefined][] = []
  const exec = saying('')
  await readXattrs('/folder', ['a'], {
    ...exec,
    run: (command, args, options) => {
      asked.push([args, options])
      return exec.run(command, args, options)
    },
  })
  expect(asked).toMatchObject([
    [['-I', '-S', '-B', '-c', expect.stringContaining('follow_symlinks=False')], { cwd: '/folder' }],
  ])
})
