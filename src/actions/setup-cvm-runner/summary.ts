import type { AgentStatus } from '../../agent/protocol.ts'
import type { ActionReport } from '../context.ts'
import type { EvidenceFindings } from './verify-evidence.ts'

const meaning: Readonly<Record<string, string>> = {
  sample: 'sample evidence: no proof, for trials only',
  snp: 'AMD SEV-SNP report of this machine; the level is machine-only',
  tdx: 'Intel TDX quote of this machine; the level is machine-only',
}

/** What a reviewer reads of a runner's set-up. */
export function setupReport(
  status: AgentStatus,
  findings: EvidenceFindings,
  reused: boolean,
  evidenceDigest: string,
  tools: readonly string[],
): ActionReport {
  const token = status.assurance === 'token'
  const who = (name: string): string => {
    const value = status.claims[name]
    return typeof value === 'string' || typeof value === 'number' ? String(value) : 'unknown'
  }
  const headline = findings.attested
    ? `Attested by ${status.technology}, job ${token ? 'proven by token' : 'self-asserted'}`
    : `Agent ${reused ? 'already runs' : 'started'} with ${status.technology} evidence that is not verified hardware`
  const notes = [...findings.notes, ...(status.warnings ?? [])]
  if (!token) {
    notes.push('The job has no OIDC token, so it only says itself who it is. Give it the permission "id-token: write".')
  }
  return {
    headline,
    status: findings.attested && token ? 'passed' : 'warning',
    subject: null,
    facts: [
      ['Evidence', meaning[status.technology] ?? status.technology],
      ['Job identity', token ? `OIDC token of ${who('iss')}` : 'self-asserted'],
      ['Repository', who('repository')],
      ['Workflow', who('workflow_ref')],
      ['Ref', who('ref')],
      ['Commit', who('sha')],
      ['Signing key', status.keyId],
      ['Job digest', status.jobDigest],
      ['Evidence digest', evidenceDigest],
      ...(findings.measurement === '' ? [] : [['Measurement', findings.measurement] as [string, string]]),
      ...(tools.length === 0 ? [] : [['Tools', tools.join(', ')] as [string, string]]),
      ['Hosts the agent contacted', status.hosts.length === 0 ? 'none' : status.hosts.join(', ')],
    ],
    tables: [],
    exceptions: [],
    commands: [],
    notes,
    details: { status: { ...status, warnings: status.warnings ?? [] }, attested: findings.attested, reused },
  }
}
