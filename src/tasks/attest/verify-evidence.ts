import type { Ports } from '../../base/ports.ts'
import type { Technology } from '../../base/technology.ts'
import { isHardware, isSoftwareTpm } from '../../tee/facts/machine.ts'
import type { TeeVerdict } from '../../tee/types.ts'
import type { EvidenceFindings, EvidenceInputs } from './findings.ts'
import type { AttestResult } from './task.ts'

/** @throws VerificationError `evidence-invalid` when a verifier refuses, `token-invalid` for an EAR of another; TransportError `kbs-error`; InputError `file-invalid` for unreadable reference values */
export async function verifyEvidence(
  report: AttestResult,
  technology: Technology,
  inputs: EvidenceInputs,
  ports: Ports,
): Promise<EvidenceFindings> {
  const findings: EvidenceFindings = {
    attested: false,
    measurement: '',
    notes: [],
    verdict: null,
    referenceValues: [],
    ears: [],
  }
  const votes: boolean[] = []
  if (inputs.verifier === 'local' || inputs.verifier === 'both') {
    // Verifiers, policy and collateral: a step that only asks Trustee, or nobody, loads none of them.
    const { verifyLocally } = await import('./locally.ts')
    const { verdict, referenceValues } = await verifyLocally(report, technology, inputs, ports)
    findings.verdict = verdict
    if (referenceValues !== null) findings.referenceValues.push(referenceValues)
    findings.measurement = measurementOf(verdict)
    findings.notes.push(`Verified here: ${verdict.checks.map(({ name }) => name).join(', ')}.`)
    votes.push(isHardware(verdict))
  }
  if (inputs.verifier === 'trustee' || inputs.verifier === 'both') {
    findings.ears = report.ears
    for (const { from, status, pinned } of findings.ears) {
      findings.notes.push(
        pinned
          ? `${from} says "${status}", signed by a key of trustee-keys.`
          : `${from} says "${status}". The key is its own and pinned by nobody: for reading only.`,
      )
      votes.push(pinned && status === 'affirming')
    }
  }
  if (inputs.verifier === 'none') findings.notes.push('The evidence was collected and not looked at (verifier: none).')
  findings.attested = votes.length > 0 && votes.every(Boolean)
  if (technology === 'sample') {
    findings.attested = false
    findings.notes.push(
      'Sample evidence proves nothing about this machine: every policy refuses it that does not name it.',
    )
  }
  if (findings.verdict !== null && isSoftwareTpm(findings.verdict)) {
    findings.attested = false
    findings.notes.push('No manufacturer’s certificate chain reaches this TPM: it is reported as a software TPM.')
  }
  return findings
}

/** The one value that names what was booted; a TPM has none. */
function measurementOf({ measured }: TeeVerdict): string {
  return measured['measurement'] ?? measured['mr-td'] ?? ''
}
