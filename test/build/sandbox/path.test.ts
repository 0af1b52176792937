import { choosePath, type PathFacts } from '../../../src/build/sandbox/path.ts'

const there = new Set([
  ...['/opt/hostedtoolcache', '/opt/hostedtoolcache/node/24.1.0/x64/bin', '/opt/go/bin', '/opt/go/lib', '/opt/one/bin'],
  ...['/home/runner', '/home/runner/bin', '/home/runner/lib', '/home/runner/.cargo/bin', '/home/runner/work'],
  ...['/home/runner/work/_temp', '/home/runner/work/_temp/sealwright', '/home/runner/work/_temp/sealwright/bin'],
  ...['/home/runner/work/_temp/tool/bin', '/tmp', '/run/user/1000/bin', '/home'],
])
const facts: PathFacts = {
  path: '',
  toolCache: '/opt/hostedtoolcache',
  closed: ['/home/runner', '/home/runner/work/_temp', '/home/runner/work/app'],
  secret: ['/home/runner/work/_temp/sealwright'],
  exists: (path) => there.has(path),
}
const choose = (path: string, change: Partial<PathFacts> = {}) => choosePath({ ...facts, ...change, path })
const system = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

test('tools of setup actions keep their place, before and after the system’s own', () => {
  const node = '/opt/hostedtoolcache/node/24.1.0/x64/bin'
  expect(choose(`${node}:/usr/bin:/opt/one/bin`)).toEqual({
    path: `${node}:/usr/bin:/opt/one/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin`,
    folders: ['/opt/hostedtoolcache', '/opt/one/bin'],
    recorded: ['tool-cache/node/24.1.0/x64/bin', '/opt/one/bin'],
  })
})

test('bin with lib beside it is one installation, but a home is none', () => {
  expect(choose('/opt/go/bin').folders).toEqual(['/opt/hostedtoolcache', '/opt/go'])
  expect(choose('/home/runner/bin')).toMatchObject({
    folders: ['/opt/hostedtoolcache', '/home/runner/bin'],
    recorded: ['/home/runner/bin'],
  })
})

test.each([
  ['the state with the agent’s socket', '/home/runner/work/_temp/sealwright'],
  ['a folder in the state', '/home/runner/work/_temp/sealwright/bin'],
  ['a folder above it', '/home/runner/work/_temp'],
  ['the whole home', '/home/runner'],
  ['the same with dots', '/opt/one/../../home/runner/'],
  ['all homes', '/home'],
  ['the root', '/'],
  ['/tmp', '/tmp'],
  ['sockets of services', '/run/user/1000/bin'],
  ['what is not there', '/opt/none/bin'],
  ['a relative entry', 'bin'],
  ['an empty entry', ''],
])('never shown: %s', (_title, entry) => {
  expect(choose(entry)).toEqual({ path: system, folders: ['/opt/hostedtoolcache'], recorded: [] })
})

test('a tool below home or temp is shown alone', () => {
  expect(choose('/home/runner/.cargo/bin:/home/runner/work/_temp/tool/bin').folders).toEqual([
    ...['/opt/hostedtoolcache', '/home/runner/.cargo/bin', '/home/runner/work/_temp/tool/bin'],
  ])
})

test('a tool cache that holds the home is none', () => {
  expect(choose('', { toolCache: '/home' })).toEqual({ path: system, folders: [], recorded: [] })
})
