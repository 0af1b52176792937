import type { Technology } from '../../base/technology.ts'
import { toBase64 } from '../../encoding/base64.ts'
import type { ReferenceValues } from './values.ts'

type Form = 'hex' | 'base64'
const hex = (name: string): [string, Form] => [name, 'hex']

/** Names in Trustee's default attestation policy (ear_default_policy_cpu.rego) of our measured values; it compares no others. */
const names: Readonly<Record<Technology, Readonly<Record<string, [name: string, form: Form]>>>> = {
  snp: { measurement: hex('snp_launch_measurement') },
  tdx: { 'mr-td': hex('mr_td'), rtmr1: hex('rtmr_1'), rtmr2: hex('rtmr_2') },
  // Its claims hold the report's measurement in base64.
  'az-snp-vtpm': { measurement: ['measurement', 'base64'], pcr11: hex('snp_pcr11') },
  'az-tdx-vtpm': { 'mr-td': hex('mr_td'), pcr11: hex('tdx_pcr11') },
  tpm: { pcr11: hex('tpm_pcr11') },
  sample: {},
}

/** Every name under which Trustee's default policy would find a measured value, and the form that it has there. */
export function trusteeForms(hexValue: string): [name: string, value: string][] {
  const forms = Object.values(names).flatMap((one) => Object.values(one))
  return [...new Map(forms)].map(([name, form]) => [name, inForm(hexValue, form)])
}

function inForm(value: string, form: Form): string {
  return form === 'hex' ? value : toBase64(Buffer.from(value, 'hex'))
}

/**
 * What a Trustee's reference value service takes: lists by name, as its default policy asks for them. Rows are lost there: a machine passes with
 * the value of one row and that of another.
 *
 * @returns the lists, and the measured values for which that policy has no name
 */
export function trusteeValues(document: ReferenceValues): { values: Record<string, string[]>; left: string[] } {
  const known = names[document.technology]
  const found: Record<string, Set<string>> = {}
  const left = new Set<string>()
  for (const { measured } of document.values) {
    for (const [key, value] of Object.entries(measured)) {
      const target = Object.hasOwn(known, key) ? known[key] : undefined
      if (target === undefined) {
        left.add(key)
        continue
      }
      const [name, form] = target
      ;(found[name] ??= new Set()).add(inForm(value, form))
    }
  }
  const values = Object.entries(found).map(([name, list]) => [name, [...list].sort()] as const)
  return { values: Object.fromEntries(values), left: [...left].sort() }
}
