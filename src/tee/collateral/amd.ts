import { VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { readPem } from '../../encoding/pem.ts'
import { sameTcb, type SnpTcb } from '../verify/snp/tcb.ts'
import { amdTrust, type SnpTrust } from '../verify/snp/trust.ts'
import { readVek } from '../verify/snp/vek.ts'
import { parseCertificate } from '../../encoding/x509/certificate.ts'
import { checkCrl, parseCrl } from '../../encoding/x509/crl.ts'
import { isSigned } from '../../encoding/x509/signature.ts'
import { getDocument, wrongAnswer } from './get.ts'
import type { DocumentPlan } from './store.ts'
import type { AmdWish } from './wishes.ts'

/**
 * What AMD's Key Distribution Service has for a wish (AMD 57230): the line's revocation list and authorities, and the VCEK. A document is
 * kept only when AMD's pinned authorities signed it and it is of the chip and TCB that were asked for.
 */
export function amdPlans(
  { line, endorser, vcek }: AmdWish,
  base: string,
  ports: Ports,
  trust: SnpTrust = amdTrust,
): DocumentPlan[] {
  const service = `${base}/${endorser}/v1/${line}`
  const [folder, of] = endorser === 'vcek' ? [`amd/${line}`, line] : [`amd/${line}/vlek`, `${line} for VLEKs`]
  const list: DocumentPlan = {
    path: `${folder}/crl.der`,
    what: `revocation list of ${of}`,
    read: (bytes) => readList(bytes, line, trust),
    fetch: () => get(`${service}/crl`, list, ports),
  }
  const chain: DocumentPlan = {
    path: `${folder}/cert_chain.pem`,
    what: `authorities of ${of}`,
    read: (bytes) => readAuthorities(bytes, line, trust),
    fetch: () => get(`${service}/cert_chain`, chain, ports),
  }
  if (vcek === null) return [list, chain]
  const { hwid, tcb } = vcek
  const id = hwid.toString('hex')
  const key: DocumentPlan = {
    path: `amd/${line}/vcek/${id}/${levels(tcb)
      .map(([, value]) => value)
      .join('-')}.der`,
    what: `VCEK of ${line} chip ${id.slice(0, 16)}… at this TCB`,
    read: (bytes) => readKey(bytes, { line, hwid, tcb }, trust),
    fetch: () =>
      get(
        `${service}/${id}?${levels(tcb)
          .map(([name, value]) => `${name}=${value}`)
          .join('&')}`,
        key,
        ports,
      ),
  }
  return [key, list, chain]
}

/** Names of the service for the parts of a TCB; Turin has the FMC beside them. */
function levels({ bootloader, tee, snp, microcode, fmc }: SnpTcb): [name: string, value: number][] {
  return [
    ['blSPL', bootloader],
    ['teeSPL', tee],
    ['snpSPL', snp],
    ['ucodeSPL', microcode],
    ...(fmc === null ? [] : [['fmcSPL', fmc] as [string, number]]),
  ]
}

async function get(url: string, { what, read }: DocumentPlan, ports: Ports): Promise<Buffer> {
  const { body } = await getDocument(url, what, ports)
  try {
    read(body)
  } catch (cause) {
    throw wrongAnswer(url, what, cause)
  }
  return body
}

function readList(bytes: Buffer, line: AmdWish['line'], trust: SnpTrust): Date {
  const crl = parseCrl(bytes, 'revocation list')
  const failed = checkCrl(crl, trust(line).ark, crl.thisUpdate).find(({ ok }) => !ok)
  if (failed !== undefined) throw refuse(`the revocation list is not by ARK-${line}: ${failed.why}`)
  return crl.nextUpdate
}

/** They are in this package already: other ones would mean that AMD has changed them, or that somebody else answers. */
function readAuthorities(bytes: Buffer, line: AmdWish['line'], trust: SnpTrust): Date {
  const { pinned } = trust(line)
  const chain = readPem(bytes.toString('latin1'), 'cert_chain').map(({ bytes: der }, i) =>
    parseCertificate(der, `certificate ${i}`),
  )
  const foreign = chain.find(({ fingerprint }) => !pinned.has(fingerprint))
  if (chain.length === 0 || foreign !== undefined)
    throw refuse(`the authorities are not those that are known of ${line}`)
  return new Date(Math.min(...chain.map(({ notAfter }) => Number(notAfter))))
}

function readKey(bytes: Buffer, wanted: { line: AmdWish['line']; hwid: Buffer; tcb: SnpTcb }, trust: SnpTrust): Date {
  const certificate = parseCertificate(bytes, 'VCEK')
  const { line, hwid, tcb, kind } = readVek(certificate)
  if (kind !== 'vcek' || line !== wanted.line) throw refuse(`this is a ${kind} of ${line}`)
  if (hwid?.equals(wanted.hwid) !== true) throw refuse('the certificate is of another chip')
  if (!sameTcb(tcb, wanted.tcb)) throw refuse('the certificate is of another TCB')
  const { key } = trust(line).issuers.vcek
  if (!isSigned(certificate.signed, certificate.algorithm, certificate.signature, key)) {
    throw refuse(`the certificate is not signed by the ASK of ${line}`)
  }
  return certificate.notAfter
}

function refuse(why: string): VerificationError {
  return new VerificationError('evidence-invalid', why, { subject: 'AMD' })
}
