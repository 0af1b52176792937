import { createHash, generateKeyPairSync } from 'node:crypto'
import { openResourceJwe } from '../jwe.ts'
import type { Attester } from '../rcar.ts'
import { jcs } from '../../encoding/jcs.ts'

/** A guest without a TEE: `sample` evidence, which anybody can make (coco.md §3). */
export function sampleGuest(): Attester {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = publicKey.export({ format: 'jwk' })
  const teePubkey = { kty: 'EC', crv: 'P-256', alg: 'ECDH-ES+A256KW', x: String(x), y: String(y) }
  return {
    technology: 'sample',
    evidence: (nonce) => {
      const bound = jcs({ 'additional-evidence': '', nonce, 'tee-pubkey': teePubkey })
      const hash = createHash('sha384').update(bound).digest('base64')
      return Promise.resolve({ evidence: { svn: '1', report_data: hash }, teePubkey })
    },
    decryptJwe: (jwe) => openResourceJwe(jwe, privateKey),
  }
}
