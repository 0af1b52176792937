import { createHash, generateKeyPairSync } from 'node:crypto'
import type { JsonObject } from '../../../src/base/json.ts'
import { fromBase64 } from '../../../src/encoding/base64.ts'
import { amdCertificates } from '../../../src/tee/verify/snp/amd-authorities.ts'
import { verifySnp } from '../../../src/tee/verify/snp/verify-snp.ts'
import type { SnpTrust } from '../../../src/tee/verify/snp/trust.ts'
import { verifyTdx } from '../../../src/tee/verify/tdx/verify.ts'
import { verifiers } from '../../../src/tee/verify/index.ts'
import { refusal } from '../../../src/tee/verify/verifier.ts'
import { parseSignature } from '../../../src/tee/verify/tpm/signature.ts'
import { allPcrs } from '../../../src/tee/verify/tpm/coco-quote.ts'
import { verifyQuote } from '../../../src/tee/verify/tpm/verify-quote.ts'
import type { TeeEvidence, TeeVerdict } from '../../../src/tee/types.ts'
import { contextAt } from '../../verify-context.ts'
import { makeCertificate } from '../pki/pki.ts'
import { syntheticSnp, syntheticTrust } from '../pki/snp.ts'
import { attest, pcrs, tpmData, makeTpm } from '../pki/tpm.ts'
import { azureVerdict } from './cases-azure.ts'
import type { SyntheticCase } from './case.ts'
import { at as tdxTime, keys, makeWorld, sgxExtension, type WorldOptions } from '../tdx/synthetic.ts'

const critical = { oid: '1.2.3.4', critical: true, value: Buffer.of(5, 0) }
const at = new Date('2026-06-01T00:00:00Z')
const bound = Buffer.alloc(64, 0x42)

/** SYNTHETIC negatives of checks that no other table of cases meets. */
export const gapCases: readonly SyntheticCase[] = [
  ...snpGaps(),
  ...tdxGaps(),
  ...tpmGaps(),
  {
    name: 'hardware report of an unknown version',
    technology: 'az-snp-vtpm',
    expectedCheck: 'hardware-evidence',
    run: () => azureVerdict({ hcl: { report: (report) => void report.writeUInt32LE(9, 0) } }),
  },
  {
    name: 'a message that no TPM began',
    technology: 'az-snp-vtpm',
    expectedCheck: 'TPMS_ATTEST',
    run: () => azureVerdict({ signed: (message) => (message.magic = 0x12345678) }),
  },
  sample('evidence of another technology', 'technology', { technology: 'snp' }),
  sample('another svn', 'form', { evidence: { svn: '2', report_data: tpmData.toString('base64') } }),
  sample('other report data', 'report-data', {
    evidence: { svn: '1', report_data: Buffer.alloc(48).toString('base64') },
  }),
]

function snpGaps(): SyntheticCase[] {
  const world = syntheticSnp({ line: 'Turin' })
  const trusted = syntheticTrust()('Turin')
  const run = (change: { certificates?: Buffer[]; trust?: SnpTrust; report?: Buffer } = {}): TeeVerdict =>
    verifySnp(
      { report: change.report ?? world.report, certificates: change.certificates ?? world.certificates },
      { reportData: bound, at, trust: change.trust ?? (() => trusted) },
    )
  const pinning =
    (...fingerprints: string[]): SnpTrust =>
    () => ({ ...trusted, pinned: new Set(fingerprints) })
  const unsigned = Buffer.from(world.report)
  unsigned.writeUInt32LE(0x1c, 0x48)
  const one = (name: string, expectedCheck: string, verdict: () => TeeVerdict): SyntheticCase => ({
    name,
    technology: 'snp',
    expectedCheck,
    run: verdict,
  })
  return [
    one('evidence of another technology', 'evidence-form', () =>
      verifiers.snp.verify({ technology: 'tdx', evidence: {}, documents: {} }, bound, contextAt(at)),
    ),
    one('a report that says no key signed it', 'key-certificate', () => run({ report: unsigned })),
    one('the ASK of another line beside', 'given-authorities', () =>
      run({ certificates: [...world.certificates, fromBase64(amdCertificates.Genoa.ask, 'ASK')] }),
    ),
    one('an issuer that is not pinned', 'issuer-pinned', () => run({ trust: pinning(trusted.ark.fingerprint) })),
    one('a root that is not pinned', 'root-pinned', () => run({ trust: pinning(trusted.issuers.vcek.fingerprint) })),
    one('an issuer of another name', 'chain-names', () =>
      run({ trust: syntheticTrust('vcek', { subject: 'SEV-Other' }) }),
    ),
  ]
}

function tdxGaps(): SyntheticCase[] {
  const one = (name: string, expectedCheck: string, options: WorldOptions, echoes: string[] = []): SyntheticCase => ({
    name,
    technology: 'tdx',
    expectedCheck,
    echoes,
    run: () => verifyTdx(makeWorld(options)),
  })
  const sgx = { oid: '1.2.840.113741.1.13.1', value: sgxExtension() }
  const mute = makeCertificate({
    subject: 'Intel SGX Root CA',
    issuer: 'Intel SGX Root CA',
    key: keys.root,
    by: keys.root,
  })
  const fingerprint = createHash('sha256').update(mute).digest('hex')
  return [
    {
      name: 'evidence with a foreign member',
      technology: 'tdx',
      expectedCheck: 'evidence-form',
      run: () =>
        verifiers.tdx.verify(
          { technology: 'tdx', evidence: { quote: '', cc_eventlog: null, more: 1 }, documents: {} },
          tpmData,
          contextAt(tdxTime),
        ),
    },
    one('a PCK certificate with an extension twice', 'pck-format', { pck: { extensions: [sgx, sgx] } }),
    {
      name: 'no collateral',
      technology: 'tdx',
      expectedCheck: 'collateral',
      run: () => verifyTdx({ ...makeWorld(), collateral: null }),
    },
    one('a root list of another issuer', 'root-crl-issuer', { rootCrl: { issuer: 'Other' } }, [
      'root-crl-revoked',
      'tcb-info-signer-crl-issuer',
      'tcb-info-signer-crl-revoked',
      'qe-identity-signer-crl-issuer',
      'qe-identity-signer-crl-revoked',
    ]),
    one('a signer of TCB info that is no certificate', 'tcb-info-signer-format', {
      collateral: (c) => (c.tcbInfoChain = [Buffer.from('garbage'), ...c.tcbInfoChain.slice(1)]),
    }),
    one('a signer of QE identity that is no certificate', 'qe-identity-signer-format', {
      collateral: (c) => (c.qeIdentityChain = [Buffer.from('garbage'), ...c.qeIdentityChain.slice(1)]),
    }),
    one(
      'a TCB signer with an unknown critical extension',
      'tcb-info-signer-critical-extensions',
      { signer: { extensions: [critical] } },
      ['qe-identity-signer-critical-extensions'],
    ),
    one('a TCB signer that is an authority', 'tcb-info-signer-leaf', { signer: { ca: { pathLength: null } } }, [
      'qe-identity-signer-leaf',
    ]),
    {
      name: 'a root, pinned, that may not sign certificates',
      technology: 'tdx',
      expectedCheck: 'tcb-info-signer-authorities',
      echoes: ['qe-identity-signer-authorities'],
      run: () => {
        const world = makeWorld({
          collateral: (c) => {
            c.tcbInfoChain = [...c.tcbInfoChain.slice(0, 1), mute]
            c.qeIdentityChain = [...c.qeIdentityChain.slice(0, 1), mute]
          },
        })
        return verifyTdx({ ...world, roots: [...(world.roots ?? []), fingerprint] })
      },
    },
  ]
}

function tpmGaps(): SyntheticCase[] {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
  return [
    {
      name: 'evidence of another technology',
      technology: 'tpm',
      expectedCheck: 'technology',
      run: () => {
        const { taken, context } = makeTpm()
        return verifiers.tpm.verify({ ...taken, technology: 'snp' }, tpmData, context)
      },
    },
    {
      name: 'an RSA key of 1,024 bits',
      technology: 'tpm',
      expectedCheck: 'ak-strength',
      echoes: ['signature'],
      run: () => {
        const message = attest(Buffer.alloc(0))
        const { checks } = verifyQuote({
          message,
          signature: () => parseSignature(Buffer.concat([Buffer.from('0014000b0080', 'hex'), Buffer.alloc(128)])),
          key: weak.publicKey,
          values: new Map([['sha256', new Map(pcrs.map((value, pcr) => [pcr, value]))]]),
          selection: allPcrs,
          qualifyingData: tpmData.subarray(0, 32),
        })
        return refusal('tpm', checks)
      },
    },
  ]
}

function sample(name: string, expectedCheck: string, change: Partial<TeeEvidence>): SyntheticCase {
  const evidence: JsonObject = { svn: '1', report_data: tpmData.toString('base64') }
  const taken: TeeEvidence = { technology: 'sample', evidence, documents: {}, ...change }
  return {
    name,
    technology: 'sample',
    expectedCheck,
    run: () => verifiers.sample.verify(taken, tpmData, contextAt(at)),
  }
}
