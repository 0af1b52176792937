import { chipOf, isSoftwareTpm } from '../../tee/facts/machine.ts'
import { processorOf, snpReports, tdxQuotes } from '../../tee/facts/processor.ts'
import type { TeeVerdict } from '../../tee/types.ts'
import { provenVersion } from '../../tee/verify/snp/report.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type MachineGate, type MachineStep } from '../step.ts'

/** TRUST §6: what is amiss with authentic evidence and only a line of the policy can accept; each in a check of its own. */
export const exceptionSteps: MachineStep[] = [
  { id: 'hardware.platform', clause: 'TRUST §6', scope: 'machine', needs: ['tee'], run: platform },
  { id: 'hardware.tpm', clause: 'TRUST §4', scope: 'machine', needs: ['tee'], run: tpm },
  { id: 'hardware.vmpl', clause: 'TRUST §6', scope: 'machine', needs: ['tee'], run: vmpl },
  { id: 'hardware.report-version', clause: 'TRUST §6', scope: 'machine', needs: ['tee'], run: reportVersion },
  { id: 'hardware.tcb', clause: 'TRUST §5.3', scope: 'machine', needs: ['tee'], run: tcb },
  { id: 'hardware.attributes', clause: 'TRUST §6', scope: 'machine', needs: ['tee'], run: attributes },
  { id: 'hardware.revocation', clause: 'TRUST §5.3', scope: 'machine', needs: ['tee'], run: revocation },
  { id: 'hardware.chip', clause: 'TRUST §5.4', scope: 'machine', needs: ['tee'], run: chip },
]

function verdicts({ found }: Pick<MachineGate, 'found'>): TeeVerdict[] {
  return found.tee ?? []
}

/** Azure's evidence has a form of its own, and AWS has keys that name it; of other platforms nothing in the evidence tells. */
function platform(gate: MachineGate): Outcome {
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
  const processor = processorOf(verdict)
  const csp = processor.kind === 'snp' ? (processor.facts?.csp ?? null) : null
  return csp !== null && /^CN=cc-[a-z0-9-]+\.amazonaws\.com$/.test(csp) ? 'aws' : null
}

function tpm(gate: MachineGate): Outcome {
  const software = verdicts(gate).filter((verdict) => verdict.technology === 'tpm')
  if (software.length === 0) return skipped('the evidence is not of a plain TPM')
  if (!software.some(isSoftwareTpm))
    return passed('a manufacturer’s certificate chain reaches the attestation key of the TPM')
  return unlessAccepted(
    gate,
    'accept-software-tpm',
    'technology-refused',
    'no manufacturer’s certificate chain reaches the attestation key: the TPM counts as a software TPM',
  )
}

function vmpl(gate: MachineGate): Outcome {
  const reports = snpReports(verdicts(gate))
  if (reports.length === 0) return skipped('only SNP has VMPLs')
  if (!reports.every(isKnown)) return unread('an SNP report does not state its VMPL')
  const levels = [...new Set(reports.map((report) => report.vmpl))]
  if (levels.every((level) => level === 0)) return passed('the reports are of VMPL 0')
  return unlessAccepted(gate, 'accept-vmpl', 'evidence-invalid', `the reports are of VMPL ${levels.join(', ')}`)
}

function reportVersion(gate: MachineGate): Outcome {
  const reports = snpReports(verdicts(gate))
  if (reports.length === 0) return skipped('the evidence has no SNP report')
  if (!reports.every(isKnown)) return unread('an SNP report does not state its version')
  const newest = Math.max(...reports.map(({ version }) => version))
  if (newest <= provenVersion) return passed(`the SNP reports are of version ${newest} or older`)
  const why = `an SNP report is of version ${newest}; versions up to ${provenVersion} were checked on genuine reports`
  return unlessAccepted(gate, 'accept-new-report-version', 'evidence-invalid', why)
}

function tcb(gate: MachineGate): Outcome {
  const quotes = tdxQuotes(verdicts(gate))
  if (quotes.length === 0) return skipped('only TDX has a TCB status')
  const facts = quotes.map((quote) => quote?.tcb ?? null)
  if (!facts.every(isKnown))
    return unread('the TCB status of the platform is unknown: no level of Intel’s collateral was reached')
  const statuses = [...new Set(facts.map((one) => one['tcb-status']))]
  const advisories = [...new Set(facts.flatMap(({ advisories: list }) => list))]
  const told = `${statuses.join(', ')}${advisories.length === 0 ? '' : `, advisories ${advisories.join(', ')}`}`
  if (statuses.every((status) => status === 'UpToDate')) return passed(`the platform is ${told}`)
  return unlessAccepted(gate, 'accept-tcb-status', 'evidence-invalid', `the platform is ${told}`)
}

function attributes(gate: MachineGate): Outcome {
  const quotes = tdxQuotes(verdicts(gate))
  if (quotes.length === 0) return skipped('only a TD has such attributes')
  if (!quotes.every(isKnown)) return unread('a TDX quote does not state its attributes')
  if (quotes.every(({ quote }) => quote['sept-ve-disable'])) return passed('SEPT_VE_DISABLE is on')
  return unlessAccepted(gate, 'accept-tdx-attributes', 'evidence-invalid', 'SEPT_VE_DISABLE is off')
}

function revocation(gate: MachineGate): Outcome {
  const quotes = tdxQuotes(verdicts(gate))
  const reports = snpReports(verdicts(gate))
  if (quotes.length + reports.length === 0) return skipped('the evidence has no certificate chain of a processor')
  // Intel's lists are part of the collateral without which no status is reached.
  if (quotes.some((quote) => quote === null || quote.tcb === null))
    return unread('Intel’s revocation lists were not checked')
  if (reports.length === 0) return passed('Intel’s revocation lists were checked')
  if (reports.some((report) => report === null || report.revocationChecked === null))
    return unread('the verification of an SNP report ended before AMD’s revocation list')
  if (reports.every((report) => report?.revocationChecked === true)) return passed('AMD’s revocation list was checked')
  return unlessAccepted(
    gate,
    'accept-no-crl',
    'evidence-invalid',
    'no AMD revocation list (CRL) was available: add one to `collateral`',
  )
}

function chip(gate: MachineGate): Outcome {
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
    if (keys !== undefined && verdict.technology === 'tpm' && verdict.facts?.trust.akPinned !== true) {
      const key = verdict.facts?.quote?.ak ?? 'that cannot be read'
      return failed('machine-refused', `the policy does not list the attestation key ${key}`)
    }
  }
  return passed('the machine is on the policy’s list')
}

function isKnown<T>(fact: T | null): fact is T {
  return fact !== null
}

/** A fact that a rule needs and that is missing fails the rule: no line accepts what is unknown. */
function unread(why: string): Outcome {
  return failed('evidence-invalid', why)
}
