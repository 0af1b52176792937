import type { KeyObject } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import type { Certificate } from '../../encoding/x509/certificate.ts'
import { coseKeyThumbprint } from '../../sign/cose/key.ts'
import { resolveDidX509 } from '../../sign/did-x509.ts'
import { isSameKey } from '../../sign/public-key.ts'
import { issuerOf } from './statement.ts'

/**
 * Whether the name of an issuer follows from a key, so that no other key can bear it: the thumbprint URI of the key (RFC 9679 §5), or a did:x509
 * that the certificates of the key fulfil. Whether the authority behind a did:x509 counts is for the caller to decide.
 *
 * @param chain certificates of the statement, leaf first
 * @param at when the certificates must be valid
 */
export function isOwnName(issuer: string, key: KeyObject, chain: readonly Certificate[], at: Date): boolean {
  if (issuer === issuerOf(null, coseKeyThumbprint(key))) return true
  if (!issuer.startsWith('did:x509:')) return false
  try {
    const { leaf, assertionMethod } = resolveDidX509(issuer, chain, at)
    return assertionMethod && isSameKey(leaf.key, key)
  } catch (error) {
    if (error instanceof VerificationError) return false
    throw error
  }
}
