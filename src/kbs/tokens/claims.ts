import { isObject, textOf, type JsonObject, type JsonValue } from '../../base/json.ts'
import { submodsOf, worstStatus, type Tier } from '../ear-vector.ts'
import { hexOf, objectOf, textsOf, type TokenFacts, type Verifier } from './facts.ts'

type Read = (claims: JsonObject) => TokenFacts

const nothing = { technology: null, measurement: null, debug: null, nonces: [], reportData: null, runtimeData: null }

/** How the claims of each verifier are read. */
export const readers: Readonly<Record<Verifier, Read>> = {
  veraison: ear,
  trustee: (claims) => ({ ...ear(claims), ...trusteeEvidence(claims) }),
  intel,
  azure,
}

/** Which verifier writes claims of this form; null for none that is known. The form is no proof of anything: the signature by a pinned key is. */
export function verifierOf(claims: JsonObject): Verifier | null {
  const profile = textOf(claims['eat_profile'])
  if (profile === 'tag:github.com,2024:confidential-containers/Trustee') return 'trustee'
  if (profile === 'tag:github.com,2023:veraison/ear') return 'veraison'
  if ('x-ms-attestation-type' in claims) return 'azure'
  const { tdx } = claims
  return 'attester_tcb_status' in claims || (isObject(tdx) && 'attester_tcb_status' in tdx) ? 'intel' : null
}

const tiers: readonly string[] = ['none', 'affirming', 'warning', 'contraindicated'] satisfies Tier[]
const isTier = (text: string): text is Tier => tiers.includes(text)

/** EAT attestation result (draft-fv-rats-ear): the worst of all appraisals counts. */
function ear(claims: JsonObject): TokenFacts {
  const { name, status } = worstStatus(claims)
  const all = submodsOf(claims).map((one) => `${one.name}: ${one.status}`)
  return {
    ...nothing,
    status: isTier(status) ? status : 'contraindicated',
    words: all.length === 0 ? `${name}: ${status}` : all.join(', '),
    nonces: [...textsOf(claims['eat_nonce']), ...textsOf(claims['eat.nonce'])],
  }
}

/** Trustee keeps the claims of the evidence beside the appraisal (coco.md §2.2). */
function trusteeEvidence(claims: JsonObject): Partial<TokenFacts> {
  const cpu = submodsOf(claims).find(({ name }) => name === 'cpu0')
  const evidence = objectOf(cpu?.cell['ear.veraison.annotated-evidence']) ?? {}
  const runtimeData = objectOf(evidence['runtime_data_claims'])
  const common = { runtimeData, reportData: hexOf(evidence['report_data']), nonces: textsOf(runtimeData?.['nonce']) }
  const { snp, tdx } = evidence
  if (isObject(snp)) {
    const debug = snp['policy_debug_allowed']
    return { ...common, technology: 'snp', measurement: hexOf(snp['measurement']), debug: flag(debug) }
  }
  if (!isObject(tdx)) return common
  const body = objectOf(objectOf(tdx['quote'])?.['body']) ?? {}
  const debug = objectOf(tdx['td_attributes'])?.['debug']
  return { ...common, technology: 'tdx', measurement: hexOf(body['mr_td']), debug: flag(debug) }
}

/** Status words of Intel's TCB by tier; what is missing here is contraindicated. */
const tcb: Readonly<Record<string, Tier>> = {
  UpToDate: 'affirming',
  SWHardeningNeeded: 'warning',
  ConfigurationNeeded: 'warning',
  ConfigurationAndSWHardeningNeeded: 'warning',
  OutOfDate: 'warning',
  OutOfDateConfigurationNeeded: 'warning',
}

/** Intel Trust Authority: claims stand at the top (version 1) or under `tdx` (version 2). */
function intel(claims: JsonObject): TokenFacts {
  const own = objectOf(claims['tdx']) ?? claims
  const level = textOf(own['attester_tcb_status'])
  // A token of several devices has a list at each of them: one policy that does not match is enough.
  const unmatched = [claims, ...Object.values(claims).map(objectOf)].reduce(
    (sum, one) => sum + countOf(one?.['policy_ids_unmatched']),
    0,
  )
  const fails = unmatched > 0
  const debug = 'dbgstat' in own ? own['dbgstat'] !== 'disabled' : flag(own['tdx_is_debuggable'])
  const runtimeData = objectOf(own['attester_runtime_data'])
  return {
    ...nothing,
    technology: 'tdx_mrtd' in own ? 'tdx' : null,
    status:
      fails || debug !== false
        ? 'contraindicated'
        : Object.hasOwn(tcb, level)
          ? (tcb[level] ?? 'none')
          : 'contraindicated',
    words: `TCB ${level}${fails ? `, ${unmatched} of the policies that were asked for do not match` : ''}${debug === false ? '' : ', debug is not excluded'}`,
    measurement: hexOf(own['tdx_mrtd']),
    debug,
    nonces: textsOf(runtimeData?.['nonce']),
    reportData: hexOf(own['tdx_report_data']),
    runtimeData,
  }
}

/** Items of a list; anything else that stands in its place counts as one. */
function countOf(list: JsonValue | undefined): number {
  if (Array.isArray(list)) return list.length
  return list === undefined || list === null ? 0 : 1
}

const azureTypes: Readonly<Record<string, string>> = { sevsnpvm: 'snp', tdxvm: 'tdx' }

/** Microsoft Azure Attestation: a machine's claims stand at the top, or under `x-ms-isolation-tee` where its guest agent asked. */
function azure(claims: JsonObject): TokenFacts {
  const own = objectOf(claims['x-ms-isolation-tee']) ?? claims
  const type = textOf(own['x-ms-attestation-type'])
  const technology = Object.hasOwn(azureTypes, type) ? (azureTypes[type] ?? null) : null
  const snp = technology === 'snp'
  const debug = snp
    ? flag(own['x-ms-sevsnpvm-is-debuggable'])
    : 'dbgstat' in own
      ? own['dbgstat'] !== 'disabled'
      : flag(own['tdx_td_attributes_debug'])
  const compliance = textOf(own['x-ms-compliance-status'])
  const runtimeData = objectOf(claims['x-ms-runtime'])
  const payload = objectOf(runtimeData?.['client-payload'])
  const isCompliant = compliance === 'azure-compliant-cvm'
  return {
    technology,
    status: debug !== false ? 'contraindicated' : isCompliant && technology !== null ? 'affirming' : 'warning',
    words: `${type}, ${isCompliant ? compliance : 'not azure-compliant-cvm'}${debug === false ? '' : ', debug is not excluded'}`,
    measurement: hexOf(own[snp ? 'x-ms-sevsnpvm-launchmeasurement' : 'tdx_mrtd']),
    debug,
    nonces: [...textsOf(payload?.['nonce']), ...textsOf(claims['nonce'])],
    reportData: hexOf(own[snp ? 'x-ms-sevsnpvm-reportdata' : 'tdx_report_data']),
    runtimeData,
  }
}

function flag(value: JsonValue | undefined): boolean | null {
  return typeof value === 'boolean' ? value : null
}
