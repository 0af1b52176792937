import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type * as ToolCache from '@actions/tool-cache'

const name = 'sealwright-downloads'

/**
 * Looks for a kept download in the runner's tool cache, by `@actions/tool-cache`.
 *
 * @returns its path, or null. Every job of the machine can write there: compare the SHA-256 before each use.
 */
export async function findDownload(cache: string, sha256: string): Promise<string | null> {
  const file = join(await inCache(cache, async ({ find }) => find(name, versionOf(sha256))), sha256)
  const found = await lstat(file).catch(() => null)
  return found?.isFile() === true ? file : null
}

/** Puts a verified download into the runner's tool cache, for the next job. */
export async function keepDownload(cache: string, sha256: string, file: string): Promise<void> {
  await inCache(cache, ({ cacheFile }) => cacheFile(file, sha256, name, versionOf(sha256)))
}

/** The cache wants a semantic version, and takes "1" for any 1.x: the digest as a pre-release is exact. */
function versionOf(sha256: string): string {
  return `0.0.0-sha256-${sha256}`
}

/**
 * `@actions/tool-cache` writes each of its acts as `::debug::…` to stdout, at every log level. On stdout of `--json` there is one object, so
 * these lines are dropped; all others pass.
 */
async function inCache<T>(cache: string, act: (tools: typeof ToolCache) => Promise<T>): Promise<T> {
  const tools = await import('@actions/tool-cache')
  // The package reads its folder from there and nowhere else.
  process.env['RUNNER_TOOL_CACHE'] = cache
  const { stdout } = process
  const write = stdout.write
  const quiet = (chunk: string | Uint8Array, ...rest: unknown[]): boolean =>
    typeof chunk === 'string' && chunk.startsWith('::debug::') ? true : Reflect.apply(write, stdout, [chunk, ...rest])
  stdout.write = quiet
  try {
    return await act(tools)
  } finally {
    stdout.write = write
  }
}
