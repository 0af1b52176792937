import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { WorkFolder } from '../context.ts'
import { sha256 } from '../../base/streams.ts'
import { replaceFile } from '../../base/files.ts'
import { jcs } from '../../encoding/jcs.ts'
import { digestSchema } from '../../journal/event.ts'
import type { Manifest, Store } from '../../oci/types.ts'

const schema = z.strictObject({
  /** The manifest, whose bytes follow from it. */
  manifest: z.record(z.string(), z.json()),
  layers: z.array(z.strictObject({ plain: digestSchema, encrypted: digestSchema, diffId: digestSchema })),
})

/** What one encryption gave. Keys are fresh each time, so a second run must find the first one's result and not make its own. */
export interface EncryptionRecord {
  manifest: Manifest
  layers: z.infer<typeof schema>['layers']
}

/** What makes two runs the same: plain image, recipients, layers, target, and the agent that holds the keys. */
export async function recordPath(work: WorkFolder, identity: Record<string, unknown>): Promise<string> {
  return work.path('encrypted', `${sha256(jcs(identity)).slice(7)}.json`)
}

/** The record of an earlier run whose blobs are all still there, else null. */
export async function readRecord(path: string, target: Store): Promise<EncryptionRecord | null> {
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) return null
  const parsed = schema.safeParse(JSON.parse(text))
  if (!parsed.success) return null
  const { layers } = parsed.data
  const manifest = parsed.data.manifest as unknown as Manifest
  for (const digest of [manifest.config.digest, ...layers.map(({ encrypted }) => encrypted)])
    if (!(await target.hasBlob(digest))) return null
  return { manifest, layers }
}

/** Written when all blobs are stored, before the manifest is: whatever happens then, the next run goes on from here. */
export async function writeRecord(path: string, record: EncryptionRecord): Promise<void> {
  await replaceFile(path, JSON.stringify(record))
}
