import type { JsonObject } from '../src/base/json.ts'
import { jcs } from '../src/encoding/jcs.ts'
import type { Descriptor, Store } from '../src/oci/types.ts'
import { attachBundle } from '../src/sign/attach.ts'
import { makeBundle } from '../src/sign/bundle.ts'
import { signEnvelope } from '../src/sign/dsse.ts'
import { predicateTypeOf, type WrittenKind } from '../src/statement/statement.ts'
import type { ChainKey } from './chain.ts'
import { looseStatement } from './loose-statement.ts'

export interface Said {
  about?: Descriptor['digest']
  /** Predicate type that the annotation says. */
  declared?: string
  /** Hint of the key that the bundle names. */
  hint?: string
}

/** Attaches a statement as anybody may who can push: nothing of it is checked. */
export async function say(
  store: Store,
  image: Descriptor,
  kind: WrittenKind,
  predicate: JsonObject,
  by: ChainKey,
  { about = image.digest, declared = predicateTypeOf(kind), hint = by.signer.hint }: Said = {},
): Promise<Descriptor> {
  const envelope = await signEnvelope(looseStatement(kind, { digest: about }, predicate), by.signer)
  const { digest, mediaType, size } = image
  return attachBundle(store, { digest, mediaType, size }, makeBundle(envelope, hint), declared)
}

/** A CycloneDX document with some packages, as `type name version` or a whole package URL. */
export function bom(...purls: string[]): JsonObject {
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    components: purls.map((purl, i) => ({ type: 'library', 'bom-ref': `p${i}`, name: `p${i}`, version: '1', purl })),
  }
  return JSON.parse(jcs(document).toString()) as JsonObject
}
