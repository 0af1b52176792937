import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { sha256 } from '../base/streams.ts'
import { jcs } from '../encoding/jcs.ts'
import type { Ports } from '../base/ports.ts'
import type { Digest } from '../oci/types.ts'
import type { JournalEvent } from './event.ts'

type Code = JournalEvent['code']

/** Digest of no bytes: what a step names whose door did not say where its code lies. */
const unknownCode = sha256('') as Digest

/**
 * The code that runs, as events and bindings name it. For `DIST/agent/index.js` it is the SHA-256 over the JCS list of all programs in DIST
 * with their SHA-256; for anything else over the entry alone. Always `download`: only an agent in a measured image may say more (TRUST §1).
 */
export async function codeOf(entry: string): Promise<Code> {
  const folder = basename(entry) === 'index.js' ? dirname(dirname(entry)) : null
  const digest = folder === null ? sha256(await readFile(entry)) : await digestOfFolder(folder)
  return { digest: digest as Digest, source: 'download' }
}

const known = new Map<string, Promise<Code>>()

/** {@link codeOf} the door that runs this step, hashed once a process. */
export async function stepCode(ports: Ports): Promise<Code> {
  const entry = ports.env['SEALWRIGHT_AGENT_ENTRY']
  if (entry === undefined || entry === '') return { digest: unknownCode, source: 'download' }
  let code = known.get(entry)
  if (code === undefined) known.set(entry, (code = codeOf(entry)))
  return code
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
