import type { JsonValue } from '../../base/json.ts'
import { toBase64 } from '../../encoding/base64.ts'
import type { SnpFacts } from '../facts/snp.ts'
import type { TdxFacts } from '../facts/tdx.ts'
import type { TeeEvidence, TeeVerdict } from '../types.ts'
import { parseTpmEvidence } from '../verify/tpm/coco-quote.ts'

export interface TrusteeMachine {
  /** By the names of Trustee's default attestation policy (ear_default_policy_cpu.rego): lists, and single values where it compares one. */
  values: Record<string, JsonValue>
  /** Names that it also compares and that evidence of this machine does not tell. */
  missing: string[]
}

/**
 * What Trustee's default policy asks for, as one verified machine has it: measurement, TCB and platform of SNP, measurement and features of a TD,
 * PCR 11 and key of a TPM. The claims of Azure's SNP are text.
 *
 * @param taken the evidence of the verdict, for the key of a TPM
 */
export function trusteeMachine(verdict: TeeVerdict, taken: TeeEvidence | null): TrusteeMachine {
  const { measured } = verdict
  const list = (name: string): JsonValue[] => (measured[name] === undefined ? [] : [measured[name]])
  switch (verdict.technology) {
    case 'snp':
      return told({ snp_launch_measurement: list('measurement'), ...snpValues(verdict.facts, 'snp_') })
    case 'tdx':
      return told({ mr_td: list('mr-td'), rtmr_1: list('rtmr1'), rtmr_2: list('rtmr2'), xfam: xfamOf(verdict.facts) }, [
        'tdvfkernel',
        'tdvfkernelparams',
      ])
    case 'az-snp-vtpm': {
      const base64 = list('measurement').map((hex) => toBase64(Buffer.from(String(hex), 'hex')))
      return told({ measurement: base64, snp_pcr11: list('pcr11'), ...azureValues(verdict.facts?.report ?? null) })
    }
    case 'az-tdx-vtpm':
      return told({ mr_td: list('mr-td'), tdx_pcr11: list('pcr11'), xfam: xfamOf(verdict.facts?.report ?? null) })
    case 'tpm':
      return told({ tpm_pcr11: list('pcr11'), trusted_aks: taken === null ? [] : [attestationKey(taken)] })
    case 'sample':
      return told({})
  }
}

/** The attestation key as the list `trusted_aks` holds it: SubjectPublicKeyInfo in base64. */
function attestationKey({ evidence }: TeeEvidence): string {
  return toBase64(parseTpmEvidence(evidence).key.export({ format: 'der', type: 'spki' }))
}

function snpValues(facts: SnpFacts | null, prefix: string): Record<string, JsonValue> {
  if (facts === null) return {}
  const { policy, platform, tcb } = facts
  const levels = tcb?.reported ?? null
  return {
    [`${prefix}bootloader`]: levels === null ? [] : [levels.bootloader],
    [`${prefix}microcode`]: levels === null ? [] : [levels.microcode],
    [`${prefix}snp_svn`]: levels === null ? [] : [levels.snp],
    [`${prefix}tee_svn`]: levels === null ? [] : [levels.tee],
    [`${prefix}smt_enabled`]: platform.smtEnabled,
    [`${prefix}tsme_enabled`]: platform.tsmeEnabled,
    [`${prefix}guest_abi_major`]: policy.abiMajor,
    [`${prefix}guest_abi_minor`]: policy.abiMinor,
    [`${prefix}single_socket`]: policy.singleSocket,
    [`${prefix}smt_allowed`]: policy.smtAllowed,
  }
}

/** Names of the policy for Azure's SNP, whose claims are all text. */
const azureNames: Readonly<Record<string, string>> = {
  bootloader: 'tcb_bootloader',
  microcode: 'tcb_microcode',
  snp_svn: 'tcb_snp',
  tee_svn: 'tcb_tee',
  guest_abi_major: 'abi_major',
  guest_abi_minor: 'abi_minor',
}

function azureValues(facts: SnpFacts | null): Record<string, JsonValue> {
  return Object.fromEntries(
    Object.entries(snpValues(facts, '')).map(([name, value]) => [
      azureNames[name] ?? name,
      Array.isArray(value) ? value.map(String) : String(value),
    ]),
  )
}

function xfamOf(facts: TdxFacts | null): JsonValue[] {
  return facts === null ? [] : [claimOrder(facts.quote.xfam)]
}

/** Hex of a value with its bytes as they lie in the quote, which is how Trustee's claims have them; our facts have the number. */
export function claimOrder(hex: string): string {
  return Buffer.from(hex, 'hex').reverse().toString('hex')
}

function told(all: Record<string, JsonValue>, never: readonly string[] = []): TrusteeMachine {
  const isEmpty = (value: JsonValue): boolean => Array.isArray(value) && value.length === 0
  const entries = Object.entries(all)
  return {
    values: Object.fromEntries(entries.filter(([, value]) => !isEmpty(value))),
    missing: [...entries.filter(([, value]) => isEmpty(value)).map(([name]) => name), ...never],
  }
}
