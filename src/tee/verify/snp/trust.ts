import { fromBase64 } from '../../../encoding/base64.ts'
import { parseCertificate, type Certificate } from '../../../encoding/x509/certificate.ts'
import { amdCertificates, amdFingerprints, type SnpLine } from './amd-authorities.ts'

/** Authorities of one line. A chain counts when each of its authorities has a fingerprint of `pinned`. */
export interface LineTrust {
  ark: Certificate
  /** By the kind of key they issue. */
  issuers: { vcek: Certificate; vlek: Certificate }
  pinned: ReadonlySet<string>
}

/** The trust in a line; tests put their own in its place. */
export type SnpTrust = (line: SnpLine) => LineTrust

/** AMD's own, from this package: none is taken from evidence. */
export const amdTrust: SnpTrust = (line) => {
  const { ark, ask, asvk } = amdCertificates[line]
  const read = (text: string, name: string): Certificate =>
    parseCertificate(fromBase64(text, `${name}-${line}`), `${name}-${line}`)
  return {
    ark: read(ark, 'ARK'),
    issuers: { vcek: read(ask, 'ASK'), vlek: read(asvk, 'ASVK') },
    pinned: new Set(amdFingerprints[line]),
  }
}
