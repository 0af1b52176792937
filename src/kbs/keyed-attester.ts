import { createHash } from 'node:crypto'
import type { JsonObject, JsonValue } from '../base/json.ts'
import { jcs } from '../encoding/jcs.ts'
import type { Attester } from './rcar.ts'
import { makeTeeKey, type TeeKey } from './tee-key.ts'

/** Evidence over report data of 48 bytes. */
export type Collect = (reportData: Buffer) => Promise<JsonValue>

/** Who attests, and by which key it reads. */
export interface KeyedAttester {
  /** TEE name of the machine. */
  readonly technology: string
  readonly collect: Collect
  readonly key?: TeeKey | undefined
  /** Further devices by TEE name, such as `nvidia`: each one's evidence is over nonce and key, the machine's also over theirs. */
  readonly devices?: Readonly<Record<string, Collect>> | undefined
}

/** An attester for RCAR with a key of its own: SHA-384 over JCS of `{additional-evidence, nonce, tee-pubkey}` (coco.md §1.4). */
export function keyedAttester({ technology, collect, key = makeTeeKey(), devices = {} }: KeyedAttester): Attester {
  const { teePubkey, decryptJwe } = key
  return {
    technology,
    evidence: async (nonce) => {
      const pair = { nonce, 'tee-pubkey': teePubkey }
      const found: JsonObject = {}
      for (const [name, ask] of Object.entries(devices)) found[name] = await ask(hashOf(pair))
      const additional = Object.keys(found).length === 0 ? '' : JSON.stringify(found)
      const evidence = await collect(hashOf({ 'additional-evidence': additional, ...pair }))
      return { evidence, teePubkey, additional }
    },
    decryptJwe,
  }
}

/** A guest without a TEE: `sample` evidence, which anybody can make and which proves nothing (coco.md §3). */
export function sampleGuest(key?: TeeKey): Attester {
  return keyedAttester({ technology: 'sample', key, collect: sampleEvidence('1') })
}

/** @param svn `1` for `sample`, `2` for `sampledevice` */
export function sampleEvidence(svn: string): Collect {
  return (reportData) => Promise.resolve({ svn, report_data: reportData.toString('base64') })
}

function hashOf(value: JsonObject): Buffer {
  return createHash('sha384').update(jcs(value)).digest()
}
