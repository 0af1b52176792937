import { generateKeyPairSync, sign } from 'node:crypto'
import type { JsonObject } from '../../../src/base/json.ts'
import type { AzureOptions } from '../../../src/tee/verify/azure/policy.ts'
import { verifyAzure, type InnerVerifier } from '../../../src/tee/verify/azure/verifier.ts'
import { parseSnpReport } from '../../../src/tee/verify/snp/report.ts'
import { verifySnp } from '../../../src/tee/verify/snp/verify-snp.ts'
import { hclReport, type HclChange } from '../pki/azure.ts'
import { syntheticSnp, syntheticTrust, type SyntheticOptions } from '../pki/snp.ts'
import { attest, pcrs, tpmData } from '../pki/tpm.ts'
import type { SyntheticCase } from './case.ts'

/** SYNTHETIC evidence of Azure's SNP machine, version 2. */
export interface AzureWorld {
  hcl?: HclChange
  userData?: Buffer | null
  /** Changes the HCL report afterwards. */
  report?: (bytes: Buffer) => Buffer
  vcek?: Partial<SyntheticOptions>
  signed?: Parameters<typeof attest>[1]
  by?: typeof key.privateKey
  change?: (evidence: Evidence) => void
  options?: AzureOptions
}

interface Evidence {
  version: number
  tpm_quote: { signature: string; message: string; pcrs: string[] }
  hcl_report: string
  vcek: string
}

const key = generateKeyPairSync('rsa', { modulusLength: 2048 })
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
const at = new Date('2026-06-15T12:00:00Z')
const bound = Buffer.concat([tpmData, Buffer.alloc(16)])

const inner: InnerVerifier = (found) => {
  if (found.kind === 'tdx') throw new Error('a TDX report in a world of SNP')
  const { reportData } = parseSnpReport(found.report)
  const input = { report: found.report, certificates: [found.vcek] }
  const verdict = verifySnp(input, { reportData, at, trust: syntheticTrust() })
  return { facts: null, checks: verdict.checks, measured: {}, machine: verdict.machine, reportData }
}

export function azureVerdict(world: AzureWorld): ReturnType<SyntheticCase['run']> {
  const { n, e } = key.publicKey.export({ format: 'jwk' })
  const report = hclReport(
    'snp',
    { n: String(n), e: String(e) },
    world.userData === undefined ? bound : world.userData,
    world.hcl,
  )
  const message = attest(Buffer.alloc(0), (parts) => {
    parts.extraData = tpmData
    world.signed?.(parts)
  })
  const [vcek = Buffer.alloc(0)] = syntheticSnp({ line: 'Milan', ...world.vcek }).certificates
  const evidence: Evidence = {
    version: 2,
    tpm_quote: {
      signature: sign('sha256', message, world.by ?? key.privateKey).toString('hex'),
      message: message.toString('hex'),
      pcrs: pcrs.map((value) => value.toString('hex')),
    },
    hcl_report: padded(world.report?.(report) ?? report),
    vcek: padded(vcek),
  }
  world.change?.(evidence)
  const taken = { technology: 'az-snp-vtpm', evidence: evidence as unknown as JsonObject, documents: {} } as const
  return verifyAzure('az-snp-vtpm', taken, tpmData, at, inner, world.options)
}

function padded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_')
}

function azure(name: string, expectedCheck: string, world: AzureWorld, echoes: readonly string[] = []): SyntheticCase {
  return { name, technology: 'az-snp-vtpm', expectedCheck, echoes, run: () => azureVerdict(world) }
}

const put =
  (offset: number, ...values: number[]) =>
  (bytes: Buffer): Buffer => {
    bytes.set(values, offset)
    return bytes
  }

/** The chain from the hardware's report over the variable data to the vTPM's quote. */
export const azureCases: readonly SyntheticCase[] = [
  azure('user-data of another binding', 'user-data', { userData: Buffer.alloc(64, 1) }),
  azure('user-data with a byte behind the binding', 'user-data', { userData: put(63, 1)(Buffer.from(bound)) }),
  azure('no user-data', 'user-data', { userData: null }),
  azure('variable data changed after the report', 'var-data', {
    report: (bytes) => put(bytes.indexOf('"secure-boot":true') + 14, ...Buffer.from('null'))(bytes),
  }),
  azure('a report over no variable data', 'var-data', { hcl: { reportData: Buffer.alloc(64) } }),
  azure('report data with a byte behind the hash', 'HCL report', { report: put(32 + 1184 + 4, 2) }),
  azure('an HCL report of TDX', 'report-type', { report: put(32 + 1184 + 8, 4) }),
  azure('another hash than the report names', 'var-data', { report: put(32 + 1184 + 12, 2) }),
  azure('an HCL report without its mark', 'HCL report', { report: put(0, 0) }),
  azure('an HCL report of version 3', 'HCL report', { report: put(4, 3) }),
  azure('an HCL report with a status', 'HCL report', { report: put(16, 1) }),
  azure('an HCL report that is cut', 'HCL report', { report: (bytes) => bytes.subarray(0, -1) }),
  azure('bytes behind the HCL report', 'HCL report', { report: (bytes) => Buffer.concat([bytes, Buffer.of(1)]) }),
  azure('a hardware report of VMPL 1', 'hardware', { hcl: { report: (r) => r.writeUInt32LE(1, 0x30) } }, ['snp: vmpl']),
  azure('a hardware report with debugging', 'hardware', { hcl: { report: put(0x0a, 0x0b) } }, ['snp: policy-debug']),
  azure('a hardware report of another chip', 'hardware', { hcl: { report: put(0x1a0, 0xff) } }, ['snp: chip']),
  azure('a hardware report changed after its signature', 'hardware', { report: put(32 + 0x90, 1) }, [
    'snp: report-signature',
  ]),
  azure('a VCEK of another TCB', 'hardware', { vcek: { extensions: { 3.8: Buffer.of(2, 1, 8) } } }, [
    'snp: tcb-certificate',
  ]),
  azure('a VCEK expired', 'hardware', { vcek: { certificate: { to: new Date('2026-06-01') } } }, [
    'snp: chain-validity',
  ]),
  azure('a quote by another key than the variable data’s', 'signature', { by: stranger.privateKey }),
  azure('a quote over another nonce', 'qualifying-data', { signed: (m) => (m.extraData = Buffer.alloc(48, 1)) }),
  azure('a quote over the first 32 bytes alone', 'qualifying-data', {
    signed: (m) => (m.extraData = tpmData.subarray(0, 32)),
  }),
  azure(
    'a quote over fewer PCRs',
    'pcr-selection',
    { signed: (m) => (m.selection = Buffer.from('00000001000b03ff0000', 'hex')) },
    ['pcr-digest'],
  ),
  azure(
    'a quote over the SHA-384 bank',
    'pcr-selection',
    { signed: (m) => (m.selection = Buffer.from('00000001000c03ffffff', 'hex')) },
    ['pcr-digest'],
  ),
  azure('PCR 8 and 23 in each other’s place', 'pcr-digest', {
    change: ({ tpm_quote: { pcrs: values } }) => ([values[8], values[23]] = [values[23] ?? '', values[8] ?? '']),
  }),
  azure('evidence of version 3', 'form', { change: (evidence) => (evidence.version = 3) }),
  azure('an HCL report in plain base64', 'form', {
    change: (evidence) => (evidence.hcl_report = evidence.hcl_report.replace(/=*$/, '+')),
  }),
  azure('a signature in capital hex', 'form', {
    change: ({ tpm_quote: quote }) => (quote.signature = `AB${quote.signature.slice(2)}`),
  }),
]
