import type { JsonObject } from '../src/base/json.ts'
import type { Descriptor, Store } from '../src/oci/types.ts'
import { attachBundle } from '../src/sign/attach.ts'
import { makeBundle } from '../src/sign/bundle.ts'
import { signEnvelope } from '../src/sign/dsse.ts'
import type { NoticeKind } from '../src/statement/notices.ts'
import { predicateTypeOf } from '../src/statement/statement.ts'
import { looseStatement } from './loose-statement.ts'
import type { ChainKey } from './chain.ts'

const day = 86_400_000

/** RFC 3339 of some days before a time. */
export function daysBefore(now: Date, days: number): string {
  return new Date(now.getTime() - days * day).toISOString()
}

/** Attaches a notice as a publisher, or an attacker, would sign it: the predicate is not checked. */
export async function attachNotice(
  kind: NoticeKind | 'promotion',
  store: Store,
  { digest, mediaType, size }: Descriptor,
  predicate: JsonObject,
  by: ChainKey,
  about: Descriptor['digest'] = digest,
): Promise<Descriptor> {
  const envelope = await signEnvelope(looseStatement(kind, { digest: about }, predicate), by.signer)
  const bundle = makeBundle(envelope, by.signer.hint)
  return attachBundle(store, { digest, mediaType, size }, bundle, predicateTypeOf(kind))
}
