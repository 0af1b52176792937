import { VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { readPem, unescapedPem } from '../../encoding/pem.ts'
import { Steps } from '../verify/steps.ts'
import { checkCollateral } from '../verify/tdx/collateral-checks.ts'
import { parseBundle } from '../verify/tdx/collateral.ts'
import { strictPolicy } from '../verify/tdx/policy.ts'
import { cutSigned } from '../verify/tdx/signed-json.ts'
import { intelRoot } from '../verify/tdx/trust.ts'
import { parseCrl } from '../../encoding/x509/crl.ts'
import { readDates } from './dates.ts'
import { getDocument, wrongAnswer, type Answer } from './get.ts'
import { commonNameOf } from '../../encoding/x509/common-name.ts'
import type { DocumentPlan } from './store.ts'
import type { IntelWish } from './wishes.ts'

export interface IntelAddresses {
  /** Of the Provisioning Certification Service, or of a caching service (PCCS) with the same paths. */
  pcs: string
  rootList: string
}

/**
 * What Intel's Provisioning Certification Service (API v4) has for a platform, as one file in dcap-qvl's form. It is kept only when Intel's
 * pinned root stands behind TCB info and QE identity and all of it is of the FMSPC and CA that were asked for.
 *
 * @param roots SHA-256 of accepted roots, hex
 */
export function intelPlan(
  wish: IntelWish,
  addresses: IntelAddresses,
  ports: Ports,
  roots: readonly string[] = [intelRoot],
): DocumentPlan {
  const plan: DocumentPlan = {
    path: `intel/${wish.fmspc}-${wish.ca}.json`,
    what: `collateral of FMSPC ${wish.fmspc}, ${wish.ca} CA`,
    read: (bytes) => readBundle(bytes, wish, roots),
    fetch: async () => {
      const bytes = await fetchBundle(wish, addresses, ports)
      try {
        plan.read(bytes)
      } catch (cause) {
        throw wrongAnswer(addresses.pcs, plan.what, cause)
      }
      return bytes
    },
  }
  return plan
}

function readBundle(bytes: Buffer, { fmspc, ca }: IntelWish, roots: readonly string[]): Date {
  const set = parseBundle(bytes, 'collateral')
  const dates = readDates(set)
  if (dates === null) throw refuse('a part of it cannot be read')
  if (dates.fmspc.toString('hex') !== fmspc) throw refuse(`the TCB info is of FMSPC ${dates.fmspc.toString('hex')}`)
  const issuer = commonNameOf(dates.pckIssuer) ?? ''
  const wanted = `Intel SGX PCK ${ca === 'platform' ? 'Platform' : 'Processor'} CA`
  if (issuer !== wanted) throw refuse(`the list is by ${issuer}, not by ${wanted}`)
  const steps = new Steps()
  // Inside its own windows, so that only what can never become right is refused here.
  checkCollateral(steps, set, null, { roots, at: dates.begins }, strictPolicy)
  const failed = steps.checks.find(({ name, ok }) => !ok && !name.endsWith('-window'))
  if (failed !== undefined) throw refuse(`${failed.name}: ${failed.why}`)
  return dates.ends
}

async function fetchBundle({ fmspc, ca }: IntelWish, { pcs, rootList }: IntelAddresses, ports: Ports): Promise<Buffer> {
  const ask = (url: string, what: string) => getDocument(url, what, ports).then((answer) => ({ ...answer, url, what }))
  const tcb = await ask(`${pcs}/tdx/certification/v4/tcb?fmspc=${fmspc}`, `TCB info of FMSPC ${fmspc}`)
  const identity = await ask(`${pcs}/tdx/certification/v4/qe/identity`, 'QE identity')
  const list = await ask(`${pcs}/sgx/certification/v4/pckcrl?ca=${ca}&encoding=der`, `list of the ${ca} CA`)
  const root = await ask(rootList, "list of Intel's root")
  const info = signedPart(tcb, 'tcbInfo')
  const enclave = signedPart(identity, 'enclaveIdentity')
  return Buffer.from(
    JSON.stringify({
      pck_crl_issuer_chain: chainIn(list, 'SGX-PCK-CRL-Issuer-Chain'),
      root_ca_crl: listIn(root).toString('hex'),
      pck_crl: listIn(list).toString('hex'),
      tcb_info_issuer_chain: chainIn(tcb, 'TCB-Info-Issuer-Chain'),
      tcb_info: info.text,
      tcb_info_signature: info.signature,
      qe_identity_issuer_chain: chainIn(identity, 'SGX-Enclave-Identity-Issuer-Chain'),
      qe_identity: enclave.text,
      qe_identity_signature: enclave.signature,
    }),
  )
}

interface Asked extends Answer {
  url: string
  what: string
}

function signedPart(
  { body, url, what }: Asked,
  member: 'tcbInfo' | 'enclaveIdentity',
): { text: string; signature: string } {
  try {
    const { bytes, signature } = cutSigned(body, member, what)
    return { text: bytes.toString('utf8'), signature: signature.toString('hex') }
  } catch (cause) {
    throw wrongAnswer(url, what, cause)
  }
}

/** The chain comes URL-encoded in a header. */
function chainIn({ headers, url, what }: Asked, name: string): string {
  const value = headers.get(name)
  try {
    if (value === null) throw refuse(`no header ${name}`)
    const pem = unescapedPem(value, name)
    if (readPem(pem, name).length === 0) throw refuse(`no certificates in ${name}`)
    return pem
  } catch (cause) {
    throw wrongAnswer(url, what, cause)
  }
}

/** DER; caching services answer hex or PEM instead. */
function listIn({ body, url, what }: Asked): Buffer {
  try {
    const text = body.toString('latin1').trim()
    const pem = text.startsWith('-----BEGIN ') ? readPem(text, what)[0]?.bytes : undefined
    const der = pem ?? (/^([\da-fA-F]{2})+$/.test(text) ? Buffer.from(text, 'hex') : body)
    parseCrl(der, what)
    return der
  } catch (cause) {
    throw wrongAnswer(url, what, cause)
  }
}

function refuse(why: string): VerificationError {
  return new VerificationError('evidence-invalid', why, { subject: 'Intel' })
}
