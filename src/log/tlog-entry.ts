import type { JsonObject } from '../base/json.ts'
import { toBase64 } from '../encoding/base64.ts'
import { entryKind } from './hashedrekord.ts'
import type { TreeHead } from './proof.ts'

/** An entry of a log with the proof that the log has it. */
export interface LoggedEntry {
  body: Buffer
  index: number
  head: TreeHead
  /** Hashes of the inclusion proof, from the leaf upwards. */
  proof: readonly Buffer[]
  /** The signed checkpoint that the proof leads to. */
  checkpoint: Buffer
  /** All 32 bytes of the log's key id. */
  logId: Buffer
}

/** The member of a bundle's `tlogEntries` (Sigstore `TransparencyLogEntry`), without a time: a log of tiles has none. */
export function tlogEntry({ body, index, head, proof, checkpoint, logId }: LoggedEntry): JsonObject {
  return {
    logIndex: String(index),
    logId: { keyId: toBase64(logId) },
    kindVersion: { ...entryKind },
    inclusionProof: {
      logIndex: String(index),
      rootHash: toBase64(head.root),
      treeSize: String(head.size),
      hashes: proof.map(toBase64),
      checkpoint: { envelope: checkpoint.toString('utf8') },
    },
    canonicalizedBody: toBase64(body),
  }
}
