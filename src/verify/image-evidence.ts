import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { readAttached } from './attached.ts'
import { headsOf, sorted } from './candidates.ts'
import { readEvidence, type Evidence } from './evidence.ts'
import { Notes } from './notes.ts'
import { openSubject, resolveNamed } from './named.ts'

/**
 * The evidence of the newest job whose key signed an image, not yet verified: a policy is made of it, and the gate then judges with that
 * policy. Null where none is attached.
 *
 * @throws VerificationError for one that cannot be read
 */
export async function readImageEvidence(text: string, ports: Ports): Promise<Evidence | null> {
  const named = await resolveNamed(text, undefined, ports)
  for (const child of named.children) {
    const { store, descriptor, via } = await openSubject(named, child)
    const [index] = via
    const targets = index === undefined ? [descriptor.digest] : [descriptor.digest, index]
    const attached = await readAttached(store, targets, [], async ({ token }) => issuedAt(token), new Notes())
    const { candidates, others } = sorted(attached)
    const job = candidates[0] ?? others[0]
    const [head] = job === undefined ? [] : headsOf(job, attached)
    if (head !== undefined) return readEvidence(store, head.manifest, head.subject)
  }
  return null
}

/** Only orders: no key of an issuer is known yet. */
function issuedAt(token: string | null): number {
  if (token === null) return 0
  try {
    const claims = parseJson(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'), 'the token')
    return isObject(claims) && typeof claims['iat'] === 'number' ? claims['iat'] : 0
  } catch (error) {
    if (error instanceof VerificationError) return 0
    throw error
  }
}
