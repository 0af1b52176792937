import type { AgentStatus } from '../agent/protocol.ts'
import type { ActionReport } from './types.ts'
import type { EarFinding, EvidenceFindings } from '../tasks/attest/findings.ts'
import { verdictJson } from '../tee/facts/json.ts'
import { isSoftwareTpm } from '../tee/facts/machine.ts'

const meaning: Readonly<Record<string, string>> = {
  sample: 'sample evidence: no proof, for trials only',
  snp: 'AMD SEV-SNP report of this machine',
  tdx: 'Intel TDX quote of this machine',
  'az-snp-vtpm': 'AMD SEV-SNP report and vTPM quote of this Azure machine',
  'az-tdx-vtpm': 'Intel TDX quote and vTPM quote of this Azure machine',
  tpm: 'TPM quote of this machine, which nothing protects from its host',
}

/** How the agent runs, beside its own status. */
export interface SetupFacts {
  /** The job had an agent already. */
  reused: boolean
  /** The machine's agent started it, under another user. */
  machine: boolean
  evidenceDigest: string
  tools: readonly string[]
}

/** What a reviewer reads of a runner's set-up. */
export function setupReport(status: AgentStatus, findings: EvidenceFindings, setup: SetupFacts): ActionReport {
  const token = status.assurance === 'token'
  const who = (name: string): string => {
    const value = status.claims[name]
    return typeof value === 'string' || typeof value === 'number' ? String(value) : 'unknown'
  }
  const software = findings.verdict !== null && isSoftwareTpm(findings.verdict)
  const technology = software ? `${status.technology} (software TPM)` : status.technology
  const headline = findings.attested
    ? `Attested by ${technology}, job ${token ? 'proven by token' : 'self-asserted'}`
    : `Agent ${setup.reused ? 'already runs' : 'started'} with ${technology} evidence that is not verified hardware`
  const notes = [...findings.notes, ...(status.warnings ?? [])]
  if (!token) {
    notes.push('The job has no OIDC token, so it only says itself who it is. Give it the permission "id-token: write".')
  }
  return {
    headline,
    status: findings.attested && token ? 'passed' : 'warning',
    subject: null,
    facts: [
      [
        'Evidence',
        software ? 'software TPM: no proof of a machine' : (meaning[status.technology] ?? status.technology),
      ],
      ['Agent', setup.machine ? "the machine's, under another user" : 'of this job, under its own user: machine-only'],
      ['Job identity', token ? `OIDC token of ${who('iss')}` : 'self-asserted'],
      ['Repository', who('repository')],
      ['Workflow', who('workflow_ref')],
      ['Ref', who('ref')],
      ['Commit', who('sha')],
      ['Signing key', status.keyId],
      ['Job digest', status.jobDigest],
      ['Evidence digest', setup.evidenceDigest],
      ...(findings.measurement === '' ? [] : [['Measurement', findings.measurement] as [string, string]]),
      ...findings.referenceValues.map((name): [string, string] => ['Reference values', name]),
      ...(setup.tools.length === 0 ? [] : [['Tools', setup.tools.join(', ')] as [string, string]]),
      ['Hosts the agent contacted', status.hosts.length === 0 ? 'none' : status.hosts.join(', ')],
    ],
    tables: findings.ears.map(vectorTable),
    exceptions: [],
    commands: [],
    notes,
    details: {
      status: { ...status, warnings: status.warnings ?? [] },
      attested: findings.attested,
      reused: setup.reused,
      machineAgent: setup.machine,
      verdict: findings.verdict === null ? null : verdictJson(findings.verdict),
      ears: findings.ears.map(({ from, status: said, pinned, vector }) => ({
        from,
        status: said,
        pinned,
        vector: vector.map(({ member, value, tier, words }) => ({ member, value, tier, words })),
      })),
    },
  }
}

/** AR4SI's numbers in words. Members that the policy did not set are no claims and stand in no row. */
function vectorTable({ from, status, vector }: EarFinding): ActionReport['tables'][number] {
  return {
    title: `Trust vector of ${from}: ${status}`,
    header: ['Member', 'Value', 'Tier', 'Meaning'],
    rows: vector.map(({ member, value, tier, words }) => [member, String(value), tier, words]),
  }
}
