import { VerificationError } from '../base/errors.ts'
import { fromBase64 } from '../encoding/base64.ts'
import { readPem } from '../encoding/pem.ts'
import { readProtoJson } from '../encoding/proto-json.ts'
import { parseCertificate, type Certificate } from '../encoding/x509/certificate.ts'
import { readLegacyLogEntry } from '../log/rekor/entry.ts'
import type { LegacyMaterial } from '../sign/legacy-material.ts'
import type { BundleContent, SealedBundle } from './read.ts'

const mostCertificates = 5

/**
 * A signature under one of cosign's tags (`.sig`, `.att`) with certificate and Rekor entry in annotations, as the bundle that it would be today.
 *
 * @throws VerificationError `format-invalid`
 */
export function legacyBundle(material: LegacyMaterial, content: BundleContent): SealedBundle {
  const what = 'the certificate of the signer'
  const [leaf, second] = certificates(material.certificate, what)
  if (leaf === undefined || second !== undefined)
    throw new VerificationError('format-invalid', `${what} is not one PEM block`, { subject: what })
  const others = certificates(material.chain, 'the chain of the signer')
  return {
    version: 1,
    content,
    // cosign writes the root at the end; it counts only where the reader pins it.
    material: { kind: 'certificate', leaf, others: others.filter(({ issuer, subject }) => !issuer.equals(subject)) },
    entries: material.logBundle === '' ? [] : [readLegacyLogEntry(material.logBundle)],
    timestamps: material.timestamp === '' ? [] : [stampOf(material.timestamp)],
  }
}

function certificates(pem: string, name: string): Certificate[] {
  const blocks = readPem(pem, name)
  if (blocks.length > mostCertificates)
    throw new VerificationError('format-invalid', `${name} has more than ${mostCertificates} certificates`, {
      subject: name,
    })
  return blocks.map(({ bytes }, index) =>
    parseCertificate(bytes, blocks.length === 1 ? name : `${name}[${index}]`, 'signer'),
  )
}

function stampOf(text: string): Buffer {
  const what = 'the time stamp of the signature'
  return fromBase64(readProtoJson(Buffer.from(text), what).text('SignedRFC3161Timestamp'), what)
}
