import { execFileSync } from 'node:child_process'
import { linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadImage } from '../../src/image/load.ts'
import { passImage } from '../../src/image/pass.ts'
import { sha256 } from '../../src/base/streams.ts'
import { openLayout } from '../../src/oci/layout.ts'
import type { InventoryEntry } from '../../src/image/types.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

const run = (program: string, ...args: string[]): Buffer => execFileSync(peer(program), args, { stdio: 'pipe' })

async function inventoryOf(directory: string, tag: string): Promise<InventoryEntry[]> {
  const store = openLayout(directory, 'localhost/test', testPorts())
  const descriptor = await store.resolve({ tag })
  if (descriptor === null) throw new Error(`${tag} is not there`)
  return [...(await passImage(store, await loadImage(store, descriptor.digest), [])).inventory]
}

/** Path with SHA-256 or target of everything in a folder. */
function tree(root: string, at = ''): string[] {
  return readdirSync(join(root, at)).flatMap((name) => {
    const path = at === '' ? name : `${at}/${name}`
    const stat = lstatSync(join(root, path))
    if (stat.isDirectory()) return [`${path} dir`, ...tree(root, path)]
    return [stat.isSymbolicLink() ? `${path} link` : `${path} ${sha256(readFileSync(join(root, path)))}`]
  })
}
const lines = (inventory: readonly InventoryEntry[]): string[] =>
  inventory
    .filter(({ path }) => path !== '.')
    .map(({ path, type, sha256: digest }) => `${path} ${digest ?? (type === 'dir' ? 'dir' : 'link')}`)

withPeers(['umoci', 'skopeo'], 'layers that umoci made, with its whiteouts, and what skopeo recompressed', async () => {
  const [dir, layout] = [scratch('peers'), join(scratch('peers'), 'layout')]
  const rootless = process.geteuid?.() === 0 ? [] : ['--rootless']
  run('umoci', 'init', '--layout', layout)
  run('umoci', 'new', '--image', `${layout}:a`)
  const bundle = join(dir, 'bundle')
  run('umoci', 'unpack', ...rootless, '--image', `${layout}:a`, bundle)
  const rootfs = join(bundle, 'rootfs')
  const long = join(rootfs, 'l'.repeat(120), 'ü'.repeat(100))
  mkdirSync(join(rootfs, 'l'.repeat(120)))
  writeFileSync(long, 'long')
  linkSync(long, join(rootfs, 'hard'))
  mkdirSync(join(rootfs, 'd/e'), { recursive: true })
  writeFileSync(join(rootfs, 'd/e/f'), 'deep')
  writeFileSync(join(rootfs, 'swap'), 'file')
  symlinkSync('d/e', join(rootfs, 'sym'))
  run('umoci', 'repack', '--refresh-bundle', '--image', `${layout}:a`, bundle)
  rmSync(join(rootfs, 'd'), { recursive: true })
  rmSync(join(rootfs, 'swap'))
  rmSync(long)
  mkdirSync(join(rootfs, 'swap'))
  writeFileSync(join(rootfs, 'swap/in'), 'in')
  run('umoci', 'repack', '--refresh-bundle', '--image', `${layout}:a`, bundle)

  const inventory = await inventoryOf(layout, 'a')
  expect(lines(inventory).sort()).toEqual(tree(rootfs).sort())
  expect(inventory.length).toBeGreaterThan(5)
  const zstd = join(dir, 'zstd')
  run(
    'skopeo',
    'copy',
    '--insecure-policy',
    '--dest-compress-format',
    'zstd',
    '--dest-compress',
    `oci:${layout}:a`,
    `oci:${zstd}:a`,
  )
  expect(await inventoryOf(zstd, 'a')).toEqual(inventory)
})
