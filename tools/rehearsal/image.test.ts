import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { hasIds, requirePrograms } from '../../src/build/sandbox/probe.ts'
import { parsePe } from '../../src/tee/measure/pe.ts'
import { stubVersion, ukiLoadOptions, ukiSection } from '../../src/tee/measure/uki.ts'
import { writeCpio, type CpioEntry } from '../runner-image/cpio.ts'
import { appendSections } from '../runner-image/pe-append.ts'
import { ownFile, partPath, readRecipe } from '../runner-image/recipe.ts'
import { startSoftwareTpm } from '../measured-boot/software-tpm.ts'
import { startSwtpm } from '../../testkit/tee/tpm/swtpm.ts'
import { threeMachines } from './machines.ts'
import { peer, root, withPeers } from '../../testkit/peers.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sealwright-image-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const file = (path: string, text: string, mode = 0o644): CpioEntry => ({
  path,
  type: 'file',
  mode,
  content: Buffer.from(text),
})
const some: CpioEntry[] = [
  { path: 'bin', type: 'dir', mode: 0o755, content: Buffer.alloc(0) },
  file('bin/tool', '#!/bin/sh\n', 0o755),
  file('odd', 'x'),
  { path: 'bin/link', type: 'link', mode: 0o777, content: Buffer.from('tool') },
]

describe('initrd archive', () => {
  withPeers(['runner-parts'], 'busybox, which the guest has, unpacks it', async () => {
    writeFileSync(join(folder, 'a.cpio'), writeCpio(some))
    mkdirSync(join(folder, 'out'))
    execFileSync(partPath('bin/busybox'), ['cpio', '-i', '-F', '../a.cpio'], {
      cwd: join(folder, 'out'),
      stdio: 'pipe',
    })
    expect(readdirSync(join(folder, 'out'), { recursive: true }).toSorted()).toEqual([
      'bin',
      'bin/link',
      'bin/tool',
      'odd',
    ])
    expect(readFileSync(join(folder, 'out/bin/tool'), 'utf8')).toBe('#!/bin/sh\n')
    expect(readlinkSync(join(folder, 'out/bin/link'))).toBe('tool')
  })

  test('the order of the entries does not change it', () => {
    expect(writeCpio(some)).toEqual(writeCpio(some.toReversed()))
  })

  test.each(['/etc/passwd', 'a//b', 'bin/', '', 'TRAILER!!!'])('refuses the path %p', (path) => {
    expect(() => writeCpio([file(path, 'x')])).toThrow(/cannot stand in an initrd/)
  })

  test('refuses a path that comes twice', () => {
    expect(() => writeCpio([...some, file('odd', 'y')])).toThrow(/stands twice/)
  })
})

describe('sandbox in the guest', () => {
  const recipe = readRecipe()
  const programs = Object.keys(recipe.packaged).filter((to) => to.startsWith('usr/bin/'))
  const place = (to: string): string => {
    const path = join(folder, to)
    mkdirSync(dirname(path), { recursive: true })
    if (!existsSync(path)) copyFileSync(partPath(recipe.packaged[to] ?? ''), path)
    return path
  }

  withPeers(['runner-parts'], 'has its programs, and they find their libraries in the image', async () => {
    for (const to of Object.keys(recipe.packaged)) place(to)
    const applets = execFileSync(partPath('bin/busybox'), ['--list'], { encoding: 'utf8' }).trim().split('\n')
    for (const name of applets)
      if (!existsSync(join(folder, 'bin', name))) symlinkSync('busybox', join(folder, 'bin', name))
    await expect(requirePrograms('none', [join(folder, 'usr/bin'), join(folder, 'bin')])).resolves.toBeUndefined()
    const linker = join(folder, 'lib64/ld-linux-x86-64.so.2')
    for (const to of programs) {
      const listed = execFileSync(
        linker,
        ['--library-path', join(folder, 'lib/x86_64-linux-gnu'), '--list', place(to)],
        {
          encoding: 'utf8',
        },
      )
      const libraries = listed.split('\n').flatMap((line) => / => (\S+)/.exec(line)?.[1] ?? [])
      expect(libraries.filter((path) => !path.startsWith(folder))).toEqual([])
    }
  })

  withPeers(['runner-parts'], "its shell takes programs by PATH, not the shell's own", async () => {
    writeFileSync(join(folder, 'unshare'), '#!/bin/sh\necho by path\n', { mode: 0o755 })
    const said = execFileSync(place('bin/sh'), ['-c', 'unshare'], { encoding: 'utf8', env: { PATH: folder } })
    expect(said).toBe('by path\n')
  })

  test('subordinate ids are of workers alone, and enough', () => {
    const text = ownFile('etc/subid').toString()
    const worker = { uid: 991, user: 'sealwright-build' }
    expect(hasIds(text, worker)).toBe(true)
    expect(text.trim().split('\n')).toHaveLength(1)
  })
})

describe('unified kernel image', () => {
  const sections = [
    { name: '.cmdline', content: Buffer.from('quiet') },
    { name: '.linux', content: Buffer.from('kernel '.repeat(100)) },
  ]

  withPeers(['runner-parts'], "keeps the stub's sections and holds the new ones", async () => {
    const stub = readFileSync(partPath(readRecipe().stub))
    const image = parsePe(appendSections(stub, sections, 'stub'), 'image')
    const before = parsePe(stub, 'stub')
    expect(image.sections.slice(0, before.sections.length)).toEqual(before.sections)
    expect(stubVersion(image, 'image')).toBe('252')
    expect(ukiLoadOptions(image.sections, 'image')).toBe('quiet')
    expect(ukiSection(image.sections, '.linux', 'image')).toEqual(Buffer.from('kernel '.repeat(100)))
    expect(appendSections(stub, sections, 'stub')).toEqual(appendSections(stub, sections, 'stub'))
  })

  withPeers(
    ['runner-parts'],
    'refuses a section that is there already, and more than the header has room for',
    async () => {
      const stub = readFileSync(partPath(readRecipe().stub))
      expect(() => appendSections(stub, [{ name: '.sbat', content: Buffer.alloc(1) }], 'stub')).toThrow(
        /no section .sbat/,
      )
      const many = Array.from({ length: 20 }, (_, i) => ({ name: `.x${i}`, content: Buffer.alloc(1) }))
      expect(() => appendSections(stub, many, 'stub')).toThrow(/no room/)
      expect(() => appendSections(stub.subarray(0, 300), sections, 'stub')).toThrow(/not a PE image/)
    },
  )
})

describe('machines of the rehearsal', () => {
  const init = ownFile('init')

  test('differ from the predicted one in one byte each', () => {
    const [first, initrd, commandLine] = threeMachines(init, Buffer.from('rest'), readRecipe().commandLine)
    const bytes = (parts: readonly Buffer[]): Buffer => Buffer.concat(parts)
    const differing = (a: Buffer, b: Buffer): number =>
      [...a].filter((byte, i) => byte !== b[i]).length + Math.abs(a.length - b.length)
    expect(differing(bytes(first.initrd), bytes(initrd.initrd))).toBe(1)
    expect(initrd.commandLine).toBe(first.commandLine)
    expect(bytes(commandLine.initrd)).toEqual(bytes(first.initrd))
    expect(differing(Buffer.from(first.commandLine), Buffer.from(commandLine.commandLine))).toBe(1)
  })

  test('an init without the place to change is an error, not an unchanged image', () => {
    expect(() => threeMachines(Buffer.from('#!/bin/sh\n'), Buffer.alloc(0), readRecipe().commandLine)).toThrow(
      /cannot be changed/,
    )
    expect(() => threeMachines(init, Buffer.alloc(0), 'quiet')).toThrow(/cannot be changed/)
  })
})

describe('install-locked', () => {
  const script = join(root, 'images/runner/install-locked.mjs')
  const install = (): string =>
    execFileSync(process.execPath, [script, join(folder, 'archives')], {
      cwd: join(folder, 'app'),
      encoding: 'utf8',
      stdio: 'pipe',
    })

  /** A package `tool` with a program, as an archive under its SHA-512. */
  function lockedApp(change: (entry: Record<string, unknown>) => void = () => {}, path = 'node_modules/tool'): Buffer {
    mkdirSync(join(folder, 'package'))
    writeFileSync(join(folder, 'package/cli.js'), '#!/usr/bin/env node\n')
    for (const name of ['archives', 'app']) mkdirSync(join(folder, name))
    const archive = execFileSync('tar', ['-cz', '-C', folder, 'package'])
    const hash = createHash('sha512').update(archive).digest()
    writeFileSync(join(folder, 'archives', hash.toString('hex')), archive)
    const entry = { integrity: `sha512-${hash.toString('base64')}`, bin: { tool: 'cli.js' } }
    change(entry)
    const lock = { lockfileVersion: 3, packages: { '': {}, [path]: entry, 'node_modules/for-tests': { dev: true } } }
    writeFileSync(join(folder, 'app/package-lock.json'), JSON.stringify(lock))
    return hash
  }

  test('installs what the lock file names, with its programs', () => {
    lockedApp()
    expect(install()).toBe('1 packages installed\n')
    expect(readFileSync(join(folder, 'app/node_modules/tool/cli.js'), 'utf8')).toMatch(/^#!/)
    expect(readlinkSync(join(folder, 'app/node_modules/.bin/tool'))).toBe('../tool/cli.js')
  })

  test('refuses an archive that has other bytes than the lock file says', () => {
    const hash = lockedApp()
    writeFileSync(join(folder, 'archives', hash.toString('hex')), 'something else')
    expect(install).toThrow(/does not have the SHA-512/)
  })

  test.each([
    ['no hash', (e: Record<string, unknown>) => delete e['integrity'], undefined, /no SHA-512/],
    ['a weaker hash', (e: Record<string, unknown>) => (e['integrity'] = 'sha1-AAAA'), undefined, /no SHA-512/],
    [
      'a program outside',
      (e: Record<string, unknown>) => (e['bin'] = { tool: '../../../x' }),
      undefined,
      /points elsewhere/,
    ],
    [
      'a program with a path for a name',
      (e: Record<string, unknown>) => (e['bin'] = { '../x': 'cli.js' }),
      undefined,
      /points elsewhere/,
    ],
    ['a path outside', () => undefined, 'node_modules/../../x', /no path of a package/],
    ['a link', (e: Record<string, unknown>) => (e['link'] = true), undefined, /not a package from a registry/],
  ])('refuses %s', (_name, change, path, message) => {
    lockedApp(change, path)
    expect(install).toThrow(message)
  })
})

withPeers(['swtpm', 'tpm2'], 'the software TPM of a machine has its SHA-256 bank alone', async () => {
  const state = join(folder, 'tpm')
  const { child } = await startSoftwareTpm(state, folder)
  const closed = once(child, 'close')
  child.kill('SIGTERM')
  await closed
  const again = await startSwtpm({ directory: state })
  try {
    const env = { ...process.env, TPM2TOOLS_TCTI: again.tcti }
    const pcrs = execFileSync(peer('tpm2'), ['getcap', 'pcrs'], { encoding: 'utf8', env })
    expect(pcrs).toMatch(/sha1: \[ \]/)
    expect(pcrs).toMatch(/sha256: \[ 0, 1, /)
    expect(pcrs).toMatch(/sha384: \[ \]/)
  } finally {
    await again.stop()
  }
})
