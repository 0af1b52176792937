import { readFileSync } from 'node:fs'
import type { JsonObject } from '../../../src/base/json.ts'
import type { Technology } from '../../../src/base/technology.ts'
import { VerificationError } from '../../../src/base/errors.ts'
import { jcsText } from '../../../src/encoding/jcs.ts'
import { parseAzureEvidence } from '../../../src/tee/verify/azure/evidence.ts'
import { readTdxEvidence } from '../../../src/tee/verify/tdx/evidence.ts'
import { parseHcl } from '../../../src/tee/verify/azure/hcl.ts'
import { verifiers } from '../../../src/tee/verify/index.ts'
import { noCollateral, type TeeRules } from '../../../src/tee/verify/verifier.ts'
import { parseBundle } from '../../../src/tee/verify/tdx/collateral.ts'
import { vector } from '../../../testkit/peers.ts'
import { syntheticQuote } from '../../../testkit/tee/tpm/vectors.ts'
import type { Target } from '../target.ts'
import { failedSteps } from './snp.ts'

/** Evidence as JSON text in CoCo's forms, through the verifier of its technology as the gate calls it. */
export function evidenceTargets(): Target[] {
  const challenge = Buffer.from('challenge')
  const old: TeeRules = { azure: { acceptUnboundUserData: true } }
  const v2 = json('coco/az-snp-vtpm/evidence-v2.json')
  const userData = parseHcl(parseAzureEvidence('az-snp-vtpm', v2).hclReport).userData
  const bound = Buffer.alloc(48, 0x5a)
  return [
    target('snp', 'Trustee, Genoa', 'tee/trustee/evidence.json', reportDataOf(), '2025-06-01T00:00:00Z'),
    target('az-snp-vtpm', 'version 0', 'coco/az-snp-vtpm/evidence-v0.json', challenge, '2026-01-01T00:00:00Z', old),
    target('az-snp-vtpm', 'version 1', 'coco/az-snp-vtpm/evidence-v1.json', challenge, '2026-01-01T00:00:00Z', old),
    target(
      'az-snp-vtpm',
      'version 2',
      'coco/az-snp-vtpm/evidence-v2.json',
      Buffer.from(userData?.subarray(0, 48) ?? []),
      '2026-01-01T00:00:00Z',
    ),
    target('az-tdx-vtpm', 'version 1', 'coco/az-tdx-vtpm/evidence-v1.json', challenge, '2025-07-04T10:16:31Z', old),
    tdxTarget(),
    fromBytes(
      'tpm',
      'synthetic',
      Buffer.from(JSON.stringify(syntheticQuote(bound.subarray(0, 32)).evidence)),
      bound,
      '2026-01-01T00:00:00Z',
      {
        tpm: { acceptSoftwareTpm: true },
      },
    ),
  ]
}

function json(path: string): JsonObject {
  return JSON.parse(readFileSync(vector(path), 'utf8')) as JsonObject
}

function reportDataOf(): Buffer {
  const { attestation_report: report } = json('tee/trustee/evidence.json') as unknown as {
    attestation_report: { report_data: number[] }
  }
  return Buffer.from(report.report_data)
}

function tdxTarget(): Target {
  const quote = readFileSync(vector('tee/tdx/dcap-qvl/sample/tdx_quote'))
  const collateral = parseBundle(readFileSync(vector('tee/tdx/dcap-qvl/sample/tdx_quote_collateral.json')))
  const text = JSON.stringify({ cc_eventlog: null, quote: quote.toString('base64') })
  const bound = Buffer.from(quote.subarray(568, 632))
  return fromBytes('tdx', 'dcap-qvl', Buffer.from(text), bound, '2025-07-04T10:16:31Z', {}, [collateral])
}

function target(
  technology: Technology,
  name: string,
  path: string,
  bound: Buffer,
  at: string,
  rules: TeeRules = {},
): Target {
  return fromBytes(technology, name, readFileSync(vector(path)), bound, at, rules)
}

function fromBytes(
  technology: Technology,
  name: string,
  bytes: Buffer,
  bound: Buffer,
  at: string,
  rules: TeeRules,
  intel: ReturnType<typeof parseBundle>[] = [],
): Target {
  const context = { at: new Date(at), rules, collateral: { ...noCollateral, intel } }
  return {
    name: `evidence ${technology}, ${name}`,
    kind: 'evidence',
    bytes,
    failed: (changed) =>
      failedSteps(
        verifiers[technology].verify({ technology, evidence: parse(changed), documents: {} }, bound, context),
      ),
    meaning: (changed) => saysOf(technology, parse(changed)),
    // Text of numbers and base64: every third byte meets each field.
    fields: Array.from({ length: Math.ceil(bytes.length / 3) }, (_, n) => n * 3),
  }
}

/**
 * Of a paravisor's report only two things are believed: what its processor signed, and the variable data that the processor's report names by
 * its hash. Its own version is a number beside them, and a TDREPORT is signed by nobody: the quote beside it says the same, signed.
 */
function saysOf(technology: Technology, evidence: JsonObject): string[] {
  if (technology === 'tdx') {
    const { quote, eventLog } = readTdxEvidence({ technology, evidence, documents: {} })
    return [withoutPadding(quote), eventLog?.toString('hex') ?? '']
  }
  if (technology !== 'az-snp-vtpm' && technology !== 'az-tdx-vtpm') return [jcsText(evidence)]
  const read = parseAzureEvidence(technology, evidence)
  const { varData, hardware, kind } = parseHcl(read.hclReport)
  const { message, signature, pcrs, document } = read
  if (kind === 'tdx') return [withoutPadding(document), ...[message, signature, varData, ...pcrs.values()].map(hexOf)]
  const hex = [message, signature, document, varData, hardware, ...pcrs.values()]
  return [hex.map(hexOf).join(' ')]
}

function hexOf(bytes: Buffer): string {
  return bytes.toString('hex')
}

/** Zero bytes behind a quote belong to nothing, as many as there are. */
function withoutPadding(quote: Buffer): string {
  return hexOf(quote).replace(/(00)+$/, '')
}

/** The text is read before a verifier sees it: what is no JSON object never gets there. */
function parse(bytes: Buffer): JsonObject {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  } catch (cause) {
    throw new VerificationError('format-invalid', 'no JSON', { cause })
  }
  throw new VerificationError('format-invalid', 'no JSON object')
}
