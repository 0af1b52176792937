import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import type { HardwareTechnology } from '../base/technology.ts'
import { extendedPcr8 } from '../initdata/bindings.ts'
import type { SnpFacts } from '../tee/facts/snp.ts'
import type { TdxFacts } from '../tee/facts/tdx.ts'
import { claimOrder } from '../tee/reference/trustee-machine.ts'
import type { TeeVerdict } from '../tee/types.ts'
import { parseAzureEvidence } from '../tee/verify/azure/evidence.ts'
import { verifiers } from '../tee/verify/index.ts'
import type { VerifyContext } from '../tee/verify/verifier.ts'
import { AppraisalError } from './failure.ts'

/**
 * Claims about evidence of hardware that holds, by the names that Trustee's policies read (coco.md §2.2): those of the technology under its own
 * name, `report_data`, and `init_data` as the hardware has it. What Trustee leaves to a policy and we never take (debugging, a list of revoked
 * keys that is missing, expired collateral) is refused here.
 *
 * @param data bytes that the evidence must be over: 48 of a hash, or what an asker named
 * @param initData digest of the init-data that the evidence must be bound to, where there is one
 * @throws AppraisalError naming each check that failed
 */
export function hardwareClaims(
  technology: HardwareTechnology,
  evidence: JsonValue,
  data: Buffer,
  initData: Buffer | null,
  context: VerifyContext,
): JsonObject {
  if (!isObject(evidence)) throw refused(technology, 'no JSON object')
  const taken = { technology, evidence, documents: {} }
  const verdict = verifiers[technology].verify(taken, data, context)
  const failed = verdict.checks.filter(({ ok }) => !ok).map(({ name, why }) => `${name}: ${why}`)
  const claims = verdict.status === 'verified' ? claimsOf(verdict, evidence) : null
  if (claims === null) throw refused(technology, failed.join('; '))
  const held = initDataOf(technology, verdict.measured)
  if (initData !== null && boundForm(technology, initData) !== held) {
    throw refused(technology, `init-data: the evidence is bound to ${held}`)
  }
  return { [technology]: claims, report_data: data.toString('hex'), init_data: held }
}

function claimsOf(verdict: TeeVerdict, evidence: JsonObject): JsonObject | null {
  const { technology, facts, measured } = verdict
  if (facts === null) return null
  switch (technology) {
    case 'snp':
      return snpClaims(facts)
    case 'tdx':
      return tdxClaims(facts, Buffer.from(String(evidence['quote']), 'base64'))
    case 'az-snp-vtpm':
      return facts.report === null ? null : { ...azureSnpClaims(facts.report), tpm: pcrClaims(measured) }
    case 'az-tdx-vtpm': {
      const { document } = parseAzureEvidence(technology, evidence)
      return facts.report === null ? null : { ...tdxClaims(facts.report, document), tpm: pcrClaims(measured) }
    }
    case 'tpm': {
      const kind = facts.trust.softwareTpm ? 'software' : 'hardware'
      return { ...pcrClaims(measured), ak_public: evidence['ak_public'] ?? null, kind }
    }
    case 'sample':
      return null
  }
}

/** Flat names, as Trustee's policy of August 2026 reads them. */
function snpClaims({ policy, platform, tcb, measurement, chipId }: SnpFacts): JsonObject {
  return {
    policy_abi_major: policy.abiMajor,
    policy_abi_minor: policy.abiMinor,
    policy_smt_allowed: policy.smtAllowed,
    policy_migrate_ma: policy.migrationAgentAllowed,
    policy_debug_allowed: policy.debugAllowed,
    policy_single_socket: policy.singleSocket,
    reported_tcb_bootloader: tcb?.reported.bootloader ?? null,
    reported_tcb_tee: tcb?.reported.tee ?? null,
    reported_tcb_snp: tcb?.reported.snp ?? null,
    reported_tcb_microcode: tcb?.reported.microcode ?? null,
    platform_tsme_enabled: platform.tsmeEnabled,
    platform_smt_enabled: platform.smtEnabled,
    measurement,
    chip_id: chipId,
  }
}

/** The same as text, and the measurement in base64. */
function azureSnpClaims(facts: SnpFacts): JsonObject {
  const { chip_id: _chip, ...claims } = snpClaims(facts)
  const texts = Object.entries(claims).map(([name, value]) => [name, String(value)])
  return { ...Object.fromEntries(texts), measurement: Buffer.from(facts.measurement, 'hex').toString('base64') }
}

/** Names of the members of a quote's body in the claims, by those of our facts. */
const bodyNames = {
  tcb_svn: 'tee-tcb-svn',
  mr_seam: 'mr-seam',
  mrsigner_seam: 'mr-signer-seam',
  seam_attributes: 'seam-attributes',
  mr_td: 'mr-td',
  mr_config_id: 'mr-config-id',
  mr_owner: 'mr-owner',
  mr_owner_config: 'mr-owner-config',
  report_data: 'report-data',
} as const

/** Ends of the members of a quote's header (DCAP quote format, version 4 and 5). */
const headerEnds = { version: 2, att_key_type: 4, tee_type: 8, reserved: 12, vendor_id: 28, user_data: 48 }

/** Claims about a quote; those about the platform's level are absent where no collateral spoke of it. The event log's are left out. */
export function tdxClaims({ quote, platform, tcb }: TdxFacts, bytes: Buffer): JsonObject {
  const instance = platform?.['platform-instance-id'] ?? null
  let from = 0
  const header: JsonObject = {}
  for (const [name, end] of Object.entries(headerEnds)) {
    header[name] = bytes.toString('hex', from, end)
    from = end
  }
  const body: JsonObject = Object.fromEntries(Object.entries(bodyNames).map(([name, ours]) => [name, quote[ours]]))
  const attributes = claimOrder(quote['td-attributes'])
  Object.assign(body, { td_attributes: attributes, xfam: claimOrder(quote.xfam) })
  quote.rtmr.forEach((value, index) => (body[`rtmr_${index}`] = value))
  const set = (bit: number): boolean => ((BigInt(`0x${quote['td-attributes']}`) >> BigInt(bit)) & 1n) === 1n
  return {
    quote: { header, body },
    td_attributes: {
      debug: set(0),
      septve_disable: set(28),
      protection_keys: set(30),
      key_locker: set(31),
      perfmon: set(63),
    },
    ...(tcb === null
      ? {}
      : {
          tcb_status: tcb['tcb-status'],
          tcb_date: tcb['tcb-date'],
          advisory_ids: tcb.advisories,
          // Collateral outside its window was refused before.
          collateral_expiration_status: '0',
        }),
    ...(instance === null ? {} : { platform_instance_id: claimOrder(instance) }),
  }
}

function pcrClaims(measured: Readonly<Record<string, string>>): JsonObject {
  const pcrs = Object.entries(measured).filter(([name]) => name.startsWith('pcr'))
  return Object.fromEntries(pcrs.map(([name, value]) => [name.replace(/^pcr(\d)$/, 'pcr0$1'), value]))
}

/** Where each technology keeps init-data (coco.md §6.1), hex. */
function initDataOf(technology: HardwareTechnology, measured: Readonly<Record<string, string>>): string {
  const places = { snp: 'host-data', tdx: 'mr-config-id', 'az-snp-vtpm': 'pcr8', 'az-tdx-vtpm': 'pcr8', tpm: 'pcr8' }
  return measured[places[technology]] ?? ''
}

/** A digest as that place holds it: cut or padded by a processor, extended into PCR 8 by a TPM, which takes 32 bytes alone. */
function boundForm(technology: HardwareTechnology, digest: Buffer): string | null {
  const size = { snp: 32, tdx: 48, tpm: null, 'az-snp-vtpm': null, 'az-tdx-vtpm': null }[technology]
  if (size !== null) return Buffer.concat([digest, Buffer.alloc(size)]).toString('hex', 0, size)
  if (digest.length !== 32) return null
  return extendedPcr8(digest).toString('hex')
}

function refused(technology: string, why: string): AppraisalError {
  return new AppraisalError(`Verifier evaluate failed: ${technology} evidence that does not hold (${why})`)
}
