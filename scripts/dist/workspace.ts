import { cpSync, lstatSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withLock } from '../bootstrap/lock.mjs'

/**
 * ncc names modules after their absolute paths, so its output depends on where it runs. This place is the same for
 * everybody, whatever `TMPDIR` says: the bytes of `dist/` then do not tell where the checkout was.
 */
const place = '/tmp/sealwright-dist-build'

/** What package-lock.json says of one installed package. */
interface LockEntry {
  readonly dev?: boolean
  readonly optional?: boolean
}

/** Runs `work` in the fixed folder, freshly filled with the packages that may be bundled; removes it afterwards. */
export function withWorkspace<T>(root: string, work: (workspace: string) => Promise<T>): Promise<T> {
  return withLock(`${place}.lock`, async () => {
    refuseForeign(place)
    rmSync(place, { recursive: true, force: true })
    mkdirSync(place, { mode: 0o700 })
    try {
      writeFileSync(join(place, 'package.json'), '{"type":"module"}\n')
      for (const path of bundledPackages(readFileSync(join(root, 'package-lock.json'), 'utf8'))) {
        cpSync(realpathSync(join(root, path)), join(place, path), { recursive: true, filter: notNested })
      }
      return await work(place)
    } finally {
      rmSync(place, { recursive: true, force: true })
    }
  })
}

/** Paths under the checkout of the packages that `dist/` may hold, and of the bundler itself. */
export function bundledPackages(lockText: string): string[] {
  const { packages } = JSON.parse(lockText) as { packages: Record<string, LockEntry> }
  const wanted = Object.entries(packages).filter(
    ([path, entry]) =>
      path === 'node_modules/@vercel/ncc' || (path !== '' && entry.dev !== true && entry.optional !== true),
  )
  return wanted.map(([path]) => path)
}

/** A package's own nested packages stand in the lock under their own paths. */
function notNested(source: string): boolean {
  return !/node_modules\/(@[^/]+\/)?[^/]+\/node_modules$/.test(source)
}

function refuseForeign(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat !== undefined && (!stat.isDirectory() || stat.uid !== process.getuid?.())) {
    throw new Error(`${path} belongs to somebody else: remove it first`)
  }
}
