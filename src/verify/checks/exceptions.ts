import type { TeeVerdict } from '../../tee/types.ts'
import type { Gate } from '../candidate.ts'
import { chipOf, hardwareFacts, isSoftwareTpm } from '../hardware.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type Step } from '../step.ts'

/** TRUST §6: what is amiss with authentic evidence and only a line of the policy can accept; each in a check of its own. */
export const exceptionSteps: Step[] = [
  { id: 'hardware.platform', clause: 'TRUST §6', needs: ['tee'], run: platform },
  { id: 'hardware.tpm', clause: 'TRUST §4', needs: ['tee'], run: tpm },
  { id: 'hardware.vmpl', clause: 'TRUST §6', needs: ['tee'], run: vmpl },
  { id: 'hardware.tcb', clause: 'TRUST §5.3', needs: ['tee'], run: tcb },
  { id: 'hardware.attributes', clause: 'TRUST §6', needs: ['tee'], run: attributes },
  { id: 'hardware.revocation', clause: 'TRUST §5.3', needs: ['tee'], run: revocation },
  { id: 'hardware.chip', clause: 'TRUST §5.4', needs: ['tee'], run: chip },
]

function verdicts({ found }: Pick<Gate, 'found'>): TeeVerdict[] {
  return found.tee ?? []
}

/** Azure's evidence has a form of its own, and AWS has keys that name it; of other platforms nothing in the evidence tells. */
function platform(gate: Gate): Outcome {
  const { platform: wanted } = gate.policy
  if (wanted === null) return skipped('the policy names no platform')
  const found = new Set(verdicts(gate).map(platformOf))
  const [shown] = found
  const known = ['azure', 'aws'].includes(wanted.toLowerCase())
  if (found.size === 1 && shown === wanted.toLowerCase()) return passed(`the evidence is of ${wanted}`)
  if (!known && found.size === 1 && shown === null)
    return skipped(`nothing in the evidence says whether it is of ${wanted}`)
  const told = [...found].map((name) => name ?? 'no platform that can be told')
  return failed('technology-refused', `the policy is about ${wanted}, the evidence is of ${told.join(' and ')}`)
}

function platformOf(verdict: TeeVerdict): string | null {
  if (verdict.technology.startsWith('az-')) return 'azure'
  const { csp } = hardwareFacts(verdict)
  return typeof csp === 'string' && /^CN=cc-[a-z0-9-]+\.amazonaws\.com$/.test(csp) ? 'aws' : null
}

function tpm(gate: Gate): Outcome {
  const software = verdicts(gate).filter((verdict) => verdict.technology === 'tpm')
  if (software.length === 0) return skipped('the evidence is not of a plain TPM')
  if (!software.some(isSoftwareTpm)) return passed('a chain of the TPM’s maker reaches the attestation key')
  return unlessAccepted(
    gate,
    'accept-software-tpm',
    'technology-refused',
    'no chain of a TPM maker reaches the attestation key: it counts as a software TPM',
  )
}

function vmpl(gate: Gate): Outcome {
  const levels = [...new Set(verdicts(gate).map((verdict) => hardwareFacts(verdict)['vmpl']))]
  if (levels.every((level) => level === undefined)) return skipped('only SNP has VMPLs')
  if (levels.every((level) => level === 0)) return passed('the reports are of VMPL 0')
  return unlessAccepted(gate, 'accept-vmpl', 'evidence-invalid', `the reports are of VMPL ${levels.join(', ')}`)
}

function tcb(gate: Gate): Outcome {
  const facts = verdicts(gate).map(hardwareFacts)
  const statuses = [...new Set(facts.map((one) => one['tcb-status']))]
  if (statuses.every((status) => status === undefined)) return skipped('only TDX has a status of its maker')
  const advisories = [...new Set(facts.flatMap(({ advisories: list }) => (Array.isArray(list) ? list : [])))]
  const told = `${statuses.join(', ')}${advisories.length === 0 ? '' : `, advisories ${advisories.join(', ')}`}`
  if (statuses.every((status) => status === 'UpToDate')) return passed(`the platform is ${told}`)
  return unlessAccepted(gate, 'accept-tcb-status', 'evidence-invalid', `the platform is ${told}`)
}

function attributes(gate: Gate): Outcome {
  const bits = verdicts(gate).map((verdict) => hardwareFacts(verdict)['sept-ve-disable'])
  if (bits.every((bit) => bit === undefined)) return skipped('only a TD has such attributes')
  if (bits.every((bit) => bit === true)) return passed('SEPT_VE_DISABLE is on')
  return unlessAccepted(gate, 'accept-tdx-attributes', 'evidence-invalid', 'SEPT_VE_DISABLE is off')
}

function revocation(gate: Gate): Outcome {
  const facts = verdicts(gate).map(hardwareFacts)
  if (facts.some((one) => one['tcb-status'] !== undefined)) return passed('Intel’s revocation lists were checked')
  const checked = facts.map((one) => one['revocationChecked'])
  if (checked.every((one) => one === undefined)) return skipped('the evidence has no chain of a processor’s maker')
  if (checked.every((one) => one === true)) return passed('AMD’s revocation list was checked')
  return unlessAccepted(
    gate,
    'accept-no-crl',
    'evidence-invalid',
    'no revocation list of AMD’s was at hand: give collateral with it',
  )
}

function chip(gate: Gate): Outcome {
  const { tee } = gate.policy.document
  const keys = tee?.tpm?.['attestation-keys']
  if (tee?.chips === undefined && keys === undefined) return skipped('the policy admits any machine')
  for (const verdict of verdicts(gate)) {
    const id = chipOf(verdict)
    if (tee?.chips !== undefined && (id === null || !tee.chips.includes(id)))
      return failed(
        'machine-refused',
        id === null ? 'the evidence names no chip' : `the policy does not list the chip ${id}`,
      )
    if (keys !== undefined && verdict.technology === 'tpm' && verdict.facts['akPinned'] !== true)
      return failed('machine-refused', `the policy does not list the attestation key ${String(verdict.facts['ak'])}`)
  }
  return passed('the machine is on the policy’s list')
}
