import { VerificationError } from '../../base/errors.ts'
import { isWithin, windowText } from '../../base/window.ts'
import type { Certificate } from '../../encoding/x509/certificate.ts'
import { checkChain } from '../../encoding/x509/chain.ts'
import { alternativeNameOid } from '../../encoding/x509/general-names.ts'
import { extendedKeyUsageOid, purposes, readExtendedKeyUsage, readKeyUsage } from '../../encoding/x509/usage.ts'
import type { TrustedAuthority } from '../trusted-root.ts'

const understood: ReadonlySet<string> = new Set([alternativeNameOid, extendedKeyUsageOid])
/** Certificates of a path, the signer's own and the root included. */
const longest = 5

/** A signer's certificate with the path to a pinned authority. */
export interface SignerPath {
  /** Leaf first, root last. */
  path: readonly [Certificate, ...Certificate[]]
  issuer: Certificate
  authority: TrustedAuthority
}

/**
 * Finds and checks the path from a signer's certificate to a pinned authority at a trusted time (RFC 5280 §6.1). What travels with the signature
 * only helps to find the way.
 *
 * @param others certificates that travel with the signature, in any order
 * @throws VerificationError `certificate-invalid` with the reason of the path that came furthest, `expired` when only the time is wrong
 */
export function verifySignerPath(
  leaf: Certificate,
  others: readonly Certificate[],
  authorities: readonly TrustedAuthority[],
  at: Date,
): SignerPath {
  const use = unfit(leaf)
  if (use !== null) throw refuse(leaf, use)
  let reason: VerificationError | null = null
  for (const authority of authorities) {
    const root = authority.chain.at(-1)
    if (root === undefined) continue
    for (const path of paths([leaf], [...authority.chain, ...others], root)) {
      const against = faultOf(path, authority, root, at)
      if (against === null) return { path, issuer: path[1] ?? root, authority }
      reason ??= against
    }
  }
  throw (
    reason ??
    refuse(leaf, `is not issued by an authority that the trusted root names (issuer "${leaf.issuerName ?? ''}")`)
  )
}

function faultOf(
  path: SignerPath['path'],
  authority: TrustedAuthority,
  root: Certificate,
  at: Date,
): VerificationError | null {
  const [leaf] = path
  const checks = checkChain(path, { roots: new Set([root.fingerprint]), at, understood })
  const fault = checks.find(({ ok, name }) => !ok && name !== 'chain-validity')
  if (fault !== undefined) return refuse(leaf, `has no valid chain (${fault.name}): ${fault.why}`)
  const narrow = path.slice(1).find((certificate) => !allowsCodeSigning(certificate, false))
  if (narrow !== undefined) return refuse(leaf, `is issued by ${narrow.name}, which may not issue for code signing`)
  const late = checks.find(({ ok }) => !ok)
  if (late !== undefined) return expired(leaf, late.why)
  if (!isWithin(authority.window, at)) {
    const window = windowText(authority.window)
    return expired(leaf, `the authority ${authority.name} is trusted ${window}, not at ${at.toISOString()}`)
  }
  return null
}

/** Why a certificate is not one of a signer. */
function unfit(leaf: Certificate): string | null {
  if (leaf.powers.ca) return 'is the certificate of an authority, not of a signer'
  if (!allowsCodeSigning(leaf, true)) return 'is not for code signing'
  return readKeyUsage(leaf)?.has('digitalSignature') === false ? 'is not for digital signatures' : null
}

/** Whether the extended key usage (RFC 5280 §4.2.1.12) has code signing; an authority without one issues for everything. */
function allowsCodeSigning(certificate: Certificate, required: boolean): boolean {
  const named = readExtendedKeyUsage(certificate)
  return named === null ? !required : named.includes(purposes.codeSigning)
}

/** All paths over the candidates, by names; signatures are checked afterwards. */
function* paths(
  path: readonly [Certificate, ...Certificate[]],
  candidates: readonly Certificate[],
  root: Certificate,
): Generator<SignerPath['path']> {
  const last = path[path.length - 1] ?? path[0]
  for (const next of candidates) {
    if (!next.subject.equals(last.issuer) || path.some(({ fingerprint }) => fingerprint === next.fingerprint)) continue
    const longer: SignerPath['path'] = [path[0], ...path.slice(1), next]
    if (next.fingerprint === root.fingerprint) yield longer
    else if (longer.length < longest) yield* paths(longer, candidates, root)
  }
}

function refuse({ name }: Certificate, why: string): VerificationError {
  return new VerificationError('certificate-invalid', `${name} ${why}`, {
    subject: name,
    remedy: 'Sign with a certificate of an authority that the trusted root names.',
  })
}

function expired({ name }: Certificate, why: string): VerificationError {
  return new VerificationError('expired', `${name} was not valid when it signed: ${why}`, { subject: name })
}
