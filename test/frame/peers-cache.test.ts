import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'

/** How the program of the test is made: it notes each time in `made`, and lies in all the folders that real ways use. */
const recipe = (version: string): string => `
fake_way() {
  echo made >>"$SEALWRIGHT_TEST_MADE"
  mkdir -p "$peers/venv/crane" "$peers/debian/crane" "$peers/boot" "$peers/apt/x"
  echo data >"$peers/venv/crane/data"; echo data >"$peers/debian/crane/data"; echo data >"$peers/boot/packages"; echo list >"$peers/apt/x/list"
  printf '#!/bin/sh\\ncat "$(dirname "$0")/../venv/crane/data" >/dev/null && echo ${version}\\n' >"$bin/crane"
  chmod 755 "$bin/crane"
}
system_way() { echo made >>"$SEALWRIGHT_TEST_MADE"; }
`

/** A clone with the real scripts/peers, for one program only. */
function clone(way = 'fake_way', version = '1.2.3'): string {
  const folder = scratch('clone')
  mkdirSync(join(folder, 'scripts'))
  cpSync(join(root, 'scripts/peers.d'), join(folder, 'scripts/peers.d'), { recursive: true })
  appendFileSync(join(folder, 'scripts/peers.d/go.sh'), recipe(version))
  const script = readFileSync(join(root, 'scripts/peers'), 'utf8')
  const one = script.replaceAll(/^peer .*\n/gm, '').replace(/^\[ "\$failed" = 0 \]/m, `peer crane 1.0.0 '${way}'\n$&`)
  writeFileSync(join(folder, 'scripts/peers'), one, { mode: 0o755 })
  return folder
}

class Machine {
  readonly cache = join(scratch('cache'), 'deep/peers')
  private readonly made = join(scratch('made'), 'made')

  peers(folder: string, ...args: string[]): { status: number | null; stdout: string } {
    const done = spawnSync(join(folder, 'scripts/peers'), args, {
      encoding: 'utf8',
      // Without the machine's own crane.
      env: { PATH: '/usr/bin:/bin', SEALWRIGHT_PEERS_CACHE: this.cache, SEALWRIGHT_TEST_MADE: this.made },
    })
    return { status: done.status, stdout: done.stdout.replaceAll(/ +/g, ' ').trim() }
  }

  get times(): number {
    return existsSync(this.made) ? readFileSync(this.made, 'utf8').split('\n').length - 1 : 0
  }

  /** The folder of the program in the cache. */
  get entry(): string {
    const [name, ...more] = readdirSync(this.cache).filter((each) => each.startsWith('crane-'))
    expect(more).toEqual([])
    return join(this.cache, name ?? '')
  }
}

test('a second clone links to what the first one has made', () => {
  const machine = new Machine()
  const [first, second] = [clone(), clone()]
  expect(machine.peers(first)).toEqual({ status: 0, stdout: 'crane 1.2.3 fake_way' })
  expect(machine.peers(first)).toEqual({ status: 0, stdout: 'crane 1.2.3 there' })
  expect(machine.peers(second, '--check').status).toBe(1)
  expect(machine.peers(second)).toEqual({ status: 0, stdout: 'crane 1.2.3 cache' })
  expect(machine.peers(second, '--check')).toEqual({ status: 0, stdout: 'crane 1.2.3 there' })
  expect(machine.times).toBe(1)
  for (const path of ['bin/crane', 'venv/crane', 'debian/crane', 'boot']) {
    expect(lstatSync(join(second, '.peers', path)).isSymbolicLink()).toBe(true)
  }
  expect(readFileSync(join(second, '.peers/boot/packages'), 'utf8')).toBe('data\n')
  // apt's lists change by themselves: they belong to no program.
  expect(existsSync(join(machine.cache, 'apt/x/list'))).toBe(true)
  expect(existsSync(join(machine.entry, 'apt'))).toBe(false)
})

test.each<[string, (entry: string) => void]>([
  ['a program that was changed', (entry) => appendFileSync(join(entry, 'bin/crane'), '# changed\n')],
  ['a file beside it that was changed', (entry) => writeFileSync(join(entry, 'venv/crane/data'), 'dat4\n')],
  ['a file that was added', (entry) => writeFileSync(join(entry, 'venv/crane/more'), '')],
  ['a file that is gone', (entry) => rmSync(join(entry, 'debian/crane/data'))],
  ['an entry that was never finished', (entry) => rmSync(join(entry, 'contents'))],
])('made anew: %s', (_name, change) => {
  const machine = new Machine()
  machine.peers(clone())
  change(machine.entry)
  expect(machine.peers(clone())).toEqual({ status: 0, stdout: 'crane 1.2.3 fake_way' })
  expect(machine.times).toBe(2)
  expect(machine.peers(clone()).stdout).toBe('crane 1.2.3 cache')
})

test('another recipe is another entry', () => {
  const machine = new Machine()
  machine.peers(clone())
  expect(machine.peers(clone('fake_way', '1.3.0')).stdout).toBe('crane 1.3.0 fake_way')
  expect(machine.times).toBe(2)
})

test('what is too old, or went into the system, is not kept', () => {
  const machine = new Machine()
  expect(machine.peers(clone('fake_way', '0.9.0')).status).toBe(1)
  expect(machine.peers(clone('system_way')).status).toBe(1)
  expect(machine.times).toBe(2)
  expect(readdirSync(machine.cache).filter((name) => name.startsWith('crane-'))).toEqual([])
})
