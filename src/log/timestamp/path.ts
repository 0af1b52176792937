import { createHash } from 'node:crypto'
import { SealwrightError } from '../../base/errors.ts'
import { isWithin } from '../../base/window.ts'
import { readDer } from '../../encoding/der.ts'
import { parseCertificate, type Certificate } from '../../encoding/x509/certificate.ts'
import { isSignedBy } from '../../encoding/x509/chain.ts'
import type { NamedCertificate } from './attributes.ts'
import { limits } from './limits.ts'
import type { SignedData, SignerId } from './signed-data.ts'

const subjectKeyIdOid = '2.5.29.14'

/** Certificates inside a token that can be read. Others are left out: a token may hold roots with signatures that nobody uses any more. */
export function heldCertificates(data: SignedData, name: string): Certificate[] {
  return data.certificates.flatMap((bytes, i) => {
    try {
      return [parseCertificate(bytes, `certificate ${i + 1} of ${name}`, 'signer')]
    } catch (error) {
      if (error instanceof SealwrightError) return []
      throw error
    }
  })
}

/**
 * The certificate that the signer names, by issuer and serial or by key id, and by digest in its signed attributes; null where none is that one. Of
 * the token's certificates only the one with that digest is read.
 *
 * @param pinned certificates that come first
 * @param name of the token, for errors
 */
export function signerOf(data: SignedData, pinned: readonly Certificate[], name: string): Certificate | null {
  const [first] = data.attributes.named
  if (first === undefined) return null
  const isSigner = (one: Certificate): boolean => isIdOf(data.signer, one) && isNamed(one, first)
  const held = data.certificates.find((bytes) => isDigestOf(first, bytes))
  return (
    pinned.find(isSigner) ??
    heldCertificates({ ...data, certificates: held === undefined ? [] : [held] }, name).find(isSigner) ??
    null
  )
}

function isIdOf(id: SignerId, certificate: Certificate): boolean {
  if ('issuer' in id) return certificate.serial === id.serial && certificate.issuer.equals(id.issuer)
  const extension = certificate.extensions.get(subjectKeyIdOid)
  return extension !== undefined && readDer(extension.value, 'a key id').content.equals(id.keyId)
}

/** Whether a name in a signing-certificate attribute is this certificate's, in both its parts. */
export function isNamed(certificate: Certificate, name: NamedCertificate): boolean {
  const { issuerSerial } = name
  const named = isDigestOf(name, certificate.bytes)
  if (!named || issuerSerial === null) return named
  return certificate.serial === issuerSerial.serial && certificate.issuer.equals(issuerSerial.issuer)
}

function isDigestOf({ hash, digest }: NamedCertificate, bytes: Uint8Array): boolean {
  return createHash(hash).update(bytes).digest().equals(digest)
}

/**
 * The shortest path from a signer to what is pinned. The pinned chain is its end, whole; certificates of the token fill the gap below it.
 *
 * @param held certificates of the token, asked for only where the pinned chain does not follow on the signer
 * @param at when the certificates between must be valid: an authority may renew one under the same key
 * @returns signer first, root last; null where no path is found within `limits.pathSignatures`
 */
export function pathTo(
  pinned: readonly Certificate[],
  signer: Certificate,
  held: () => readonly Certificate[],
  at: Date,
): Certificate[] | null {
  const [entry] = pinned
  if (entry === undefined) return null
  if (entry.fingerprint === signer.fingerprint) return [...pinned]
  const seen = new Set([signer.fingerprint])
  const paths: Certificate[][] = [[signer]]
  let tried = 0
  // Breadth first over certificates that were not seen: each is looked at once, whatever the token holds.
  for (let path = paths.shift(); path !== undefined; path = paths.shift()) {
    const last = path.at(-1)
    if (last === undefined) continue
    if (isParent(entry, last)) return [...path, ...pinned]
    for (const parent of held()) {
      if (seen.has(parent.fingerprint) || !isWithin(parent, at) || !last.issuer.equals(parent.subject)) continue
      // Whoever made the token can give all certificates in it one name, and a signature to check costs most.
      if (++tried > limits.pathSignatures) return null
      if (!isSignedBy(last, parent)) continue
      seen.add(parent.fingerprint)
      paths.push([...path, parent])
    }
  }
  return null
}

function isParent(parent: Certificate, child: Certificate): boolean {
  return child.issuer.equals(parent.subject) && isSignedBy(child, parent)
}
