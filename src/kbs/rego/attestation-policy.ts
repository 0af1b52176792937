import type { JsonValue } from '../../base/json.ts'
import type { HardwareTechnology } from '../../base/technology.ts'
import {
  equal,
  fallback,
  literal,
  ref,
  referenceValue,
  rule,
  trustClaimsRule,
  type Module,
  type Statement,
} from './ast.ts'

/** Trust claims that we set, with what stands there where no rule holds: not recognised, and not known (AR4SI §2.3). */
const unproven = { executables: 33, hardware: 97, configuration: 36 } as const
export type TrustClaim = keyof typeof unproven
export const trustClaims: readonly TrustClaim[] = ['executables', 'hardware', 'configuration']
/** What a trust claim is when all of its checks hold: an approved set, genuine, an approved configuration. */
const proven: Readonly<Record<TrustClaim, number>> = { executables: 3, hardware: 2, configuration: 2 }

/** One claim of the evidence, and what it has to be. */
export interface Check {
  claim: TrustClaim
  /** Below the technology's own member. */
  path: readonly string[]
  /** A list of reference values that holds it, one reference value that is it, or a constant. */
  by: { list: string } | { value: string } | { is: string | boolean }
}

type Line = [claim: TrustClaim, path: string, by: Check['by']]
const list = (name: string): Check['by'] => ({ list: name })
const value = (name: string): Check['by'] => ({ value: name })
const is = (constant: string | boolean): Check['by'] => ({ is: constant })

/** Header of a quote for a TD by Intel's quoting enclave (DCAP quote format, §A.3.1). */
const intelQuote: readonly Line[] = [
  ['hardware', 'quote.header.tee_type', is('81000000')],
  ['hardware', 'quote.header.vendor_id', is('939a7233f79c4ca9940a0db3957f0607')],
]

/** Claims of Trustee's verifiers, and the names under which its default policy looks for reference values (coco.md §2.2). */
const lines: Readonly<Record<HardwareTechnology, readonly Line[]>> = {
  snp: [
    ['executables', 'measurement', list('snp_launch_measurement')],
    ['hardware', 'reported_tcb_bootloader', list('snp_bootloader')],
    ['hardware', 'reported_tcb_microcode', list('snp_microcode')],
    ['hardware', 'reported_tcb_snp', list('snp_snp_svn')],
    ['hardware', 'reported_tcb_tee', list('snp_tee_svn')],
    ['configuration', 'policy_debug_allowed', is(false)],
    ['configuration', 'policy_migrate_ma', is(false)],
    ['configuration', 'platform_smt_enabled', value('snp_smt_enabled')],
    ['configuration', 'platform_tsme_enabled', value('snp_tsme_enabled')],
    ['configuration', 'policy_abi_major', value('snp_guest_abi_major')],
    ['configuration', 'policy_abi_minor', value('snp_guest_abi_minor')],
    ['configuration', 'policy_single_socket', value('snp_single_socket')],
    ['configuration', 'policy_smt_allowed', value('snp_smt_allowed')],
  ],
  tdx: [
    ...intelQuote,
    ['executables', 'quote.body.rtmr_1', list('rtmr_1')],
    ['executables', 'quote.body.rtmr_2', list('rtmr_2')],
    ['hardware', 'quote.body.mr_td', list('mr_td')],
    ['hardware', 'tcb_status', is('UpToDate')],
    ['hardware', 'collateral_expiration_status', is('0')],
    ['configuration', 'td_attributes.debug', is(false)],
    ['configuration', 'quote.body.xfam', list('xfam')],
  ],
  // Its claims are texts, booleans too.
  'az-snp-vtpm': [
    ['executables', 'measurement', list('measurement')],
    ['executables', 'tpm.pcr11', list('snp_pcr11')],
    ['hardware', 'reported_tcb_bootloader', list('tcb_bootloader')],
    ['hardware', 'reported_tcb_microcode', list('tcb_microcode')],
    ['hardware', 'reported_tcb_snp', list('tcb_snp')],
    ['hardware', 'reported_tcb_tee', list('tcb_tee')],
    ['configuration', 'policy_debug_allowed', is('false')],
    ['configuration', 'policy_migrate_ma', is('false')],
    ['configuration', 'platform_smt_enabled', value('smt_enabled')],
    ['configuration', 'platform_tsme_enabled', value('tsme_enabled')],
    ['configuration', 'policy_abi_major', value('abi_major')],
    ['configuration', 'policy_abi_minor', value('abi_minor')],
    ['configuration', 'policy_single_socket', value('single_socket')],
    ['configuration', 'policy_smt_allowed', value('smt_allowed')],
  ],
  'az-tdx-vtpm': [
    ...intelQuote,
    ['executables', 'tpm.pcr11', list('tdx_pcr11')],
    ['hardware', 'quote.body.mr_td', list('mr_td')],
    ['hardware', 'tcb_status', is('UpToDate')],
    ['configuration', 'td_attributes.debug', is(false)],
    ['configuration', 'quote.body.xfam', list('xfam')],
  ],
  // Trustee follows no manufacturer's chain: the key itself is the reference value.
  tpm: [
    ['executables', 'pcr11', list('tpm_pcr11')],
    ['hardware', 'ak_public', list('trusted_aks')],
    ['configuration', 'pcr11', list('tpm_pcr11')],
  ],
}

/** What the evidence of a technology is compared with. */
export function checksOf(technology: HardwareTechnology): Check[] {
  return lines[technology].map(([claim, path, by]) => ({ claim, path: path.split('.'), by }))
}

/**
 * `default_cpu` for machines of these technologies: affirming where every claim has its reference value; contraindicated for all other evidence,
 * sample evidence too.
 */
export function attestationPolicy(technologies: readonly HardwareTechnology[]): Module {
  const rules = [...new Set(technologies)].sort().flatMap((technology) =>
    trustClaims.map((claim) =>
      rule(
        claim,
        checksOf(technology)
          .filter((one) => one.claim === claim)
          .map((one) => statement(technology, one)),
        literal(proven[claim]),
      ),
    ),
  )
  return {
    rules: [...trustClaims.map((name) => fallback(name, unproven[name])), ...rules, trustClaimsRule(trustClaims)],
  }
}

function statement(technology: HardwareTechnology, { path, by }: Check): Statement {
  const left = ref('input', technology, ...path)
  if ('is' in by) return equal(left, by.is)
  return 'list' in by ? referenceValue(left, 'in', by.list) : referenceValue(left, '==', by.value)
}

/**
 * Reference values that the policy of these technologies would look for in vain, or in a form that never matches: a list where it compares one
 * value, one value where it looks into a list, an empty list. A sentence each.
 */
export function unfilled(
  technologies: readonly HardwareTechnology[],
  values: Readonly<Record<string, JsonValue>>,
): string[] {
  const problems = technologies.flatMap((technology) =>
    checksOf(technology).map(({ by }) => problemOf(by, technology, values)),
  )
  return [...new Set(problems.filter((one) => one !== null))]
}

function problemOf(
  by: Check['by'],
  technology: HardwareTechnology,
  values: Readonly<Record<string, JsonValue>>,
): string | null {
  if ('is' in by) return null
  const name = 'list' in by ? by.list : by.value
  const found = Object.hasOwn(values, name) ? values[name] : undefined
  if (found === undefined) return `${name} is missing: the policy for ${technology} reads it`
  if ('value' in by)
    return typeof found === 'object' ? `${name} has to be one value, not a list: claims are compared with it` : null
  if (!Array.isArray(found)) return `${name} has to be a list: claims are looked for in it`
  return found.length === 0 ? `${name} is an empty list: no evidence of ${technology} would be affirmed` : null
}
