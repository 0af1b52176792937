import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { sha256 } from '../base/streams.ts'
import { jcs } from '../encoding/jcs.ts'
import type { Digest } from '../oci/types.ts'
import type { JournalEvent } from './event.ts'

type Code = JournalEvent['code']

/**
 * The code that runs, as events and bindings name it. For `DIST/agent/index.js` it is the SHA-256 over the JCS list of all programs in DIST
 * with their SHA-256; for anything else over the entry alone. Always `download`: only an agent in a measured image may say more (TRUST §1).
 */
export async function codeOf(entry: string): Promise<Code> {
  const folder = basename(entry) === 'index.js' ? dirname(dirname(entry)) : null
  const digest = folder === null ? sha256(await readFile(entry)) : await digestOfFolder(folder)
  return { digest: digest as Digest, source: 'download' }
}

async function digestOfFolder(folder: string): Promise<string> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = found
    .filter((item) => item.isFile() && /\.(?:js|mjs|cjs)$/.test(item.name))
    .map((item) => relative(folder, join(item.parentPath, item.name)))
    .sort()
  const list: [string, string][] = []
  for (const path of paths) {
    list.push([
      path,
      createHash('sha256')
        .update(await readFile(join(folder, path)))
        .digest('hex'),
    ])
  }
  return sha256(jcs(list))
}
