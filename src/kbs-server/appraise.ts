import { createHash } from 'node:crypto'
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import { isHardware } from '../base/technology.ts'
import { jcs } from '../encoding/jcs.ts'
import { isVectorValue, tierOf, vectorMembers } from '../kbs/ear-vector.ts'
import { AppraisalError } from './failure.ts'
import type { HardwareJudge } from './hardware.ts'
import type { Policies } from './policies.ts'

/** One device's evidence with what it must be over. Left-out runtime data is not checked, as in Trustee. */
export interface Appraisal {
  tee: string
  evidence: JsonValue
  /** A value whose JCS bytes are hashed, with SHA-384 where no other function is named, or the report data itself. */
  runtime: { structured: JsonObject; hash?: string | undefined } | { raw: Buffer } | null
  /** Digest of the init-data. A sample only echoes it; hardware must be bound to it. */
  initData?: Buffer | null
  /** Its files, as the token shows them. */
  initDataClaims?: JsonObject | undefined
}

/** What Trustee's sample verifier claims of every sample evidence (coco.md §2.2). */
const sampleClaims = { debug: false, launch_digest: 'abcde', platform_version: { major: 1, minor: 4 } }

/** Verifies evidence and grades it: the `cpu0` submodule of an EAR. A policy sees all that the submodule has. @throws AppraisalError in Trustee's words */
export async function appraise(
  appraisal: Appraisal,
  policies: Policies,
  policy: string,
  judge: HardwareJudge,
): Promise<JsonObject> {
  const { tee, evidence, runtime, initData = null } = appraisal
  let annotated: JsonObject
  if (isHardware(tee)) {
    // Unlike Trustee, evidence that is over nothing in particular is refused.
    if (runtime === null) throw new AppraisalError('Verifier evaluate failed: no runtime data to compare with.')
    annotated = await judge(tee, evidence, expectedData(runtime), initData)
  } else {
    annotated = ofSample(appraisal)
    if (initData !== null) annotated['init_data'] = initData.toString('base64')
  }
  if (appraisal.initDataClaims !== undefined) annotated['init_data_claims'] = appraisal.initDataClaims
  if (runtime !== null && 'structured' in runtime) annotated['runtime_data_claims'] = runtime.structured
  const trust = await policies.trustClaims(`${policy}_cpu`, annotated)
  if (trust === null) throw new AppraisalError(`Policy \`${policy}_cpu.rego\` not found`)
  const vector = trustVector(trust)
  return {
    'ear.status': statusOf(Object.values(vector)),
    'ear.trustworthiness-vector': vector,
    'ear.appraisal-policy-id': policy,
    'ear.veraison.annotated-evidence': annotated,
  }
}

/** What the evidence must be over: 48 bytes of a hash, or the bytes that were given. */
function expectedData(runtime: NonNullable<Appraisal['runtime']>): Buffer {
  return 'raw' in runtime
    ? runtime.raw
    : createHash(runtime.hash ?? 'sha384')
        .update(jcs(runtime.structured))
        .digest()
}

function ofSample({ tee, evidence, runtime }: Appraisal): JsonObject {
  if (tee !== 'sample') throw new AppraisalError(`feature \`${tee}-verifier\` is not enabled for \`verifier\` crate.`)
  const reportData = isObject(evidence) ? evidence['report_data'] : undefined
  if (!isObject(evidence) || typeof reportData !== 'string' || typeof evidence['svn'] !== 'string') {
    throw new AppraisalError('Verifier evaluate failed: Deserialize Quote failed.')
  }
  if (runtime !== null) {
    const want = expectedData(runtime)
    if (!Buffer.from(reportData, 'base64').equals(want)) {
      throw new AppraisalError(
        "Verifier evaluate failed: Evidence's identity verification error.\n\nCaused by:\n    REPORT_DATA is different from that in Sample Quote",
      )
    }
  }
  return { sample: { ...sampleClaims, svn: evidence['svn'] }, report_data: reportData }
}

function trustVector(value: JsonValue | undefined): Record<string, number> {
  if (value === undefined) return {}
  const entries = isObject(value) ? Object.entries(value) : []
  const bad =
    entries.length === 0 || entries.some(([name, item]) => !vectorMembers.includes(name) || !isVectorValue(item))
  if (bad) throw new AppraisalError('Invalid trust claims')
  return Object.fromEntries(entries) as Record<string, number>
}

const tiers = ['none', 'affirming', 'warning', 'contraindicated'] as const

/** AR4SI: the worst member counts. */
function statusOf(values: readonly number[]): string {
  return tiers[Math.max(0, ...values.map((value) => tiers.indexOf(tierOf(value))))] ?? 'none'
}
