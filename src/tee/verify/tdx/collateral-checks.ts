import { createHash } from 'node:crypto'
import { VerificationError } from '../../../base/errors.ts'
import { isWithin, windowReason } from '../../../base/window.ts'
import type { Certificate } from '../../../encoding/x509/certificate.ts'
import { parseCrl, type Crl } from '../../../encoding/x509/crl.ts'
import { Memo } from '../../../encoding/x509/memo.ts'
import type { Steps } from '../steps.ts'
import type { TdxCollateral } from './collateral.ts'
import type { TdxPolicy } from './policy.ts'
import { parseQeIdentity, type QeIdentity } from './qe-identity.ts'
import { checkEcdsa } from './quoting-enclave.ts'
import type { SignedText } from './signed-json.ts'
import { parseTcbInfo, type TcbInfo } from './tcb-info.ts'
import { checkList, signerNames, trustedChain, type Anchor } from './trust.ts'

/** Documents whose signature holds; whether they are current is a step of its own. */
export interface Signed {
  info: TcbInfo | null
  identity: QeIdentity | null
}

interface Dated {
  issueDate: Date
  nextUpdate: Date
  tcbEvaluationDataNumber: number
}

/**
 * Checks revocation lists, TCB info and QE identity (Intel QVL, 4.1.2.1 to 4.1.2.3). The lists come first: without the root's no signer counts.
 *
 * @param chain the PCK chain of the quote, null when it does not hold
 */
export function checkCollateral(
  steps: Steps,
  collateral: TdxCollateral,
  chain: Certificate[] | null,
  anchor: Anchor,
  policy: TdxPolicy,
): Signed {
  const rootCrl = steps.read('root-crl-format', 'a revocation list', () => parseCrl(collateral.rootCrl, 'root CRL'))
  const pckCrl = steps.read('pck-crl-format', 'a revocation list', () => parseCrl(collateral.pckCrl, 'PCK CRL'))
  const [leaf, issuer, root] = chain ?? []
  if (leaf !== undefined && issuer !== undefined && root !== undefined) {
    if (rootCrl !== null) checkList(steps, 'root-crl', rootCrl, root, [issuer], anchor.at)
    if (pckCrl !== null) checkList(steps, 'pck-crl', pckCrl, issuer, [leaf], anchor.at)
  }
  const read = <T extends Dated>(
    name: keyof typeof titles,
    text: SignedText,
    ders: Buffer[],
    parse: (b: Uint8Array) => T,
  ) => checkDocument(steps, { name, text, ders, parse }, rootCrl, anchor, policy)
  return {
    info: read('tcb-info', collateral.tcbInfo, collateral.tcbInfoChain, parseTcbInfo),
    identity: read('qe-identity', collateral.qeIdentity, collateral.qeIdentityChain, parseQeIdentity),
  }
}

const titles = { 'tcb-info': 'TCB info', 'qe-identity': 'QE identity' } as const

interface Document<T> {
  name: keyof typeof titles
  text: SignedText
  ders: Buffer[]
  parse: (bytes: Uint8Array) => T
}

function checkDocument<T extends Dated>(
  steps: Steps,
  { name, text, ders, parse }: Document<T>,
  rootCrl: Crl | null,
  anchor: Anchor,
  { minimumEvaluation }: TdxPolicy,
): T | null {
  const [signer, root] = trustedChain(steps, `${name}-signer`, ders, signerNames, anchor) ?? []
  if (signer === undefined || root === undefined || rootCrl === null) return null
  checkList(steps, `${name}-signer-crl`, rootCrl, root, [signer], anchor.at)
  const value = steps.read(`${name}-signature`, 'signed by Intel’s TCB signer, and of its version', () => {
    return signedValue(text, signer, name, parse)
  })
  if (value === null) return null
  const { issueDate, nextUpdate, tcbEvaluationDataNumber: number } = value
  const window = { notBefore: issueDate, notAfter: nextUpdate }
  steps.note(`${name}-window`, isWithin(window, anchor.at), windowReason(titles[name], window, anchor.at))
  steps.note(`${name}-evaluation`, number >= minimumEvaluation, `evaluation ${number}, wanted ${minimumEvaluation}`)
  return value
}

const values = new Memo<Dated>(32)

/** One document serves all evidence of a platform until the next one; the key covers text, signature, signer and reader. */
function signedValue<T extends Dated>(
  { bytes, signature }: SignedText,
  signer: Certificate,
  name: string,
  parse: (bytes: Uint8Array) => T,
): T {
  const digest = createHash('sha256').update(signature).update(bytes).digest('hex')
  return values.get(`${name} ${signer.fingerprint} ${signature.length} ${digest}`, () => {
    checkEcdsa(bytes, signature, signer.key, name)
    return parse(bytes)
  }) as T
}

/**
 * `current`; `stale` when only windows are at fault, so that fetching anew helps; `refused` when something in it does not hold.
 *
 * @param checks of the whole verification so far
 */
export function collateralState({ checks }: Steps): 'current' | 'stale' | 'refused' {
  const failed = checks.filter(({ name, ok }) => !ok && /^(root-crl|pck-crl|tcb-info|qe-identity)-/.test(name))
  if (failed.length === 0) return 'current'
  return failed.every(({ name }) => name.endsWith('-window')) ? 'stale' : 'refused'
}

/**
 * @param why what was looked for, and what there is instead
 * @throws VerificationError `evidence-invalid`: what cannot be checked without collateral counts as failed
 */
export function missingCollateral(why = 'no TCB info, QE identity and revocation lists were given'): never {
  throw new VerificationError('evidence-invalid', why, {
    subject: 'collateral',
    remedy: 'Give the collateral of this platform, valid at the time of the check.',
  })
}
