import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Smallest source that makes a chunk of its own when several lazy chunks share it, in bytes before minifying. Webpack's own 20,000 leaves each
 * smaller shared module standing in every chunk that needs it, which was a fifth of `dist/`. Fewer bytes here mean more files to open at start.
 */
const smallestShared = 900

/** How many files one lazy import may open at once; webpack's 30 would put modules twice again. */
const mostAtOnce = 400

const place = 'optimization:{nodeEnv:false,minimize:false,'

/**
 * Lets the workspace's copy of ncc split shared modules off. ncc has no option for it, and hands webpack fixed settings.
 *
 * @throws when this version of ncc has its settings elsewhere
 */
export function splitShared(workspace: string): void {
  const program = join(workspace, 'node_modules/@vercel/ncc/dist/ncc/index.js.cache.js')
  writeFileSync(program, withSplit(readFileSync(program, 'utf8')))
  // Compiled code of the unchanged text: V8 tells the two apart by nothing but their length.
  writeFileSync(program.replace(/\.js$/, ''), '')
}

/** @throws when the settings do not stand in the text exactly once */
export function withSplit(text: string): string {
  const parts = text.split(place)
  if (parts.length !== 2) {
    throw new Error(
      `expected "${place}" once in @vercel/ncc, found ${parts.length - 1}: look where its new version sets webpack's options, and change scripts/dist/chunks.ts`,
    )
  }
  return parts.join(`${place}splitChunks:{minSize:${smallestShared},maxAsyncRequests:${mostAtOnce}},`)
}
