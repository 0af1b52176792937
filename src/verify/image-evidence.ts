import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { readAttached } from './attached.ts'
import { headsOf, sorted } from './candidates.ts'
import type { Subject } from './candidate.ts'
import { readEvidence, type Evidence } from './evidence.ts'
import { Notes } from './notes.ts'
import { openSubject, resolveNamed } from './named.ts'

/** What is attached to one manifest that a runtime could take from what was named. */
export interface ChildEvidence {
  subject: Subject
  /** Of the newest job whose key signed the image, not yet verified; null where none is attached. */
  evidence: Evidence | null
}

/**
 * The evidence of each manifest that a reference stands for, one of an image and several of an index: a policy is made of it, and the gate then
 * judges with that policy.
 *
 * @throws VerificationError for one that cannot be read
 */
export async function readImageEvidence(text: string, ports: Ports): Promise<ChildEvidence[]> {
  const named = await resolveNamed(text, undefined, ports)
  const found: ChildEvidence[] = []
  for (const child of named.children) {
    const subject = await openSubject(named, child)
    const { store, descriptor, via } = subject
    const [index] = via
    const targets = index === undefined ? [descriptor.digest] : [descriptor.digest, index]
    const attached = await readAttached(store, targets, [], null, async ({ token }) => issuedAt(token), new Notes())
    const { candidates, others } = sorted(attached)
    const job = candidates[0] ?? others[0]
    const [head] = job === undefined ? [] : headsOf(job, attached)
    const evidence = head === undefined ? null : await readEvidence(store, head.manifest, head.subject)
    found.push({ subject, evidence })
  }
  return found
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
