import type { Log } from '../../base/ports.ts'
import type { FoundSignature } from '../../sign/find.ts'
import { parseSimpleSigning } from '../../sign/simple-signing.ts'

/**
 * Warns once where signatures under the tag are for another repository than the one that is signed for: image-rs checks the signed identity of every
 * payload there, whoever made it, so that no guest whose policy has `signedIdentity` pulls the image (guest-components da8d93f2,
 * `signature/policy/cosign`).
 */
export function otherNamesWarning(signatures: readonly FoundSignature[], log: Log): (payload: Uint8Array) => void {
  let told = false
  return (payload) => {
    const { dockerReference, digest } = parseSimpleSigning(payload)
    const other = signatures.find(
      ({ claims }) => claims.digest === digest && claims.dockerReference !== dockerReference,
    )
    if (told || other === undefined) return
    told = true
    log.warn(
      `the .sig tag of ${digest} holds a signature for "${other.claims.dockerReference.slice(0, 200)}", not for "${dockerReference}": Confidential Containers guests whose policy has signedIdentity refuse the image. Remove the other signature, or publish a copy under its own name.`,
    )
  }
}
