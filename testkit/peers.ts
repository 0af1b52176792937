import { existsSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'

/** Root of the checkout. */
export const root = resolve(import.meta.dirname, '..')

/** Folder of the shared test vectors (`SEALWRIGHT_VECTORS`, default `../shared/vectors`). */
export const vectorsRoot = resolve(root, process.env['SEALWRIGHT_VECTORS'] ?? '../shared/vectors')

/** Programs of `scripts/peers` come first, then the machine's own, then Go's where its installer puts it. */
export function findPeer(name: string): string | null {
  for (const dir of [join(root, '.peers/bin'), ...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/go/bin']) {
    const path = join(dir, name)
    if (dir !== '' && existsSync(path)) return path
  }
  return null
}

/** What a sandboxed `prepare` or RUN needs. */
export const sandboxPeers = ['bwrap', 'newuidmap', 'unshare', 'setpriv'] as const

/** Absolute path of a peer; use inside {@link withPeers} only. */
export function peer(name: string): string {
  const path = findPeer(name)
  if (path === null) throw new Error(`${name} is not installed: run scripts/peers`)
  return path
}

/**
 * A test that needs other programs or shared vectors. Where one is missing the test is skipped and says why;
 * with `SEALWRIGHT_REQUIRE_PEERS=1` (as in `.ci/run`) a missing one is a failure.
 *
 * @param needs program names, or `vectors:PATH` for a path under the shared vectors
 */
export function withPeers(needs: readonly string[], title: string, fn: () => Promise<void>, timeoutMs = 120_000): void {
  const missing = needs.filter((need) =>
    need.startsWith('vectors:') ? !existsSync(join(vectorsRoot, need.slice(8))) : findPeer(need) === null,
  )
  if (missing.length === 0) {
    test(title, fn, timeoutMs)
  } else if (process.env['SEALWRIGHT_REQUIRE_PEERS'] === '1') {
    test(title, () => {
      throw new Error(`missing peer: ${missing.join(', ')}`)
    })
  } else {
    test.skip(`skipped: ${missing.join(', ')} not here: ${title}`, () => {})
  }
}

/** Path of one shared vector. */
export function vector(path: string): string {
  return join(vectorsRoot, path)
}
