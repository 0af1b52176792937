import { isLocalText } from '../../oci/reference.ts'
import { cosignReads } from '../../oci/identity.ts'
import { quote } from '../../report/shell.ts'
import { predicateTypes } from '../../statement/types.ts'
import { acceptances, type Acceptance } from '../../verify/policy/accept.ts'
import { originInWords, promotedInWords } from '../../verify/origin.ts'
import type { Check, Verdict } from '../../verify/types.ts'
import type { JsonObject, JsonValue } from '../../base/json.ts'
import type { ActionReport } from '../../doors/context.ts'
import type { VerifyDeployInputs } from './inputs.ts'
import { withoutDigest } from '../../oci/reference.ts'

export interface SummaryFacts {
  verdict: Verdict
  inputs: VerifyDeployInputs
  reference: string
  /** Digest of the attached VSA, or ''. */
  vsa: string
  notes: string[]
  verdictPath: string
  /** PEM file of the key that signed the VSA, or ''. */
  publicKeyPath: string
}

const marks: Readonly<Record<Check['status'], string>> = {
  passed: 'passed',
  failed: 'FAILED',
  accepted: 'accepted by exception',
  skipped: 'not applicable',
}

/** What a reviewer sees of a verdict: the decision, who and what, each check, every exception in words. */
export function summary(facts: SummaryFacts): ActionReport {
  const { verdict, inputs, notes } = facts
  const { image, builder, job } = verdict
  const origin = originInWords(verdict)
  const builtBy: [string, string][] =
    origin === null
      ? [['Builder', builder.id]]
      : [
          ['Built by', origin.built],
          ['Admitted by', origin.admitted],
        ]
  const claim = (name: string): string => (typeof job.claims[name] === 'string' ? job.claims[name] : '')
  const [first, ...others] = verdict.checks.filter(({ status }) => status === 'failed')
  const shown: [string, string][] = [
    ...builtBy,
    ['Promoted', promotedInWords(verdict)],
    ['Evidence', evidenceInWords(verdict)],
    ['Level', levelInWords(verdict)],
    ...machineInWords(verdict),
    [
      'Job',
      job.assurance === null
        ? 'unknown'
        : job.assurance === 'self-asserted'
          ? 'self-asserted: no token confirms repository, commit and run'
          : `${job.assurance}: ${claim('repository')} ${claim('ref')} ${claim('event_name')}`.trim(),
    ],
    ['Commit', claim('sha')],
    ['Run', claim('run_id')],
    ['Trusted time', timeInWords(verdict)],
    ['Plain image', image.plainDigest === image.digest ? '' : (image.plainDigest ?? '')],
    ...(image.children ?? []).map(({ digest, platform, verified }): [string, string] => [
      `Manifest for ${platform}`,
      `${digest}${verified ? '' : ' (refused)'}`,
    ]),
    ['Policy', verdict.policy.digest],
    ['Verification summary', facts.vsa],
    ['Verdict file', facts.verdictPath],
  ]
  return {
    headline: verdict.verified
      ? `Accepted${verdict.exceptions.length === 0 ? '' : ` with ${verdict.exceptions.length} exception(s)`}`
      : `Refused (${verdict.reasons.join(', ')}): ${first?.why ?? ''}`,
    status: verdict.verified
      ? verdict.exceptions.length === 0
        ? 'passed'
        : 'warning'
      : inputs.enforce
        ? 'refused'
        : 'warning',
    subject: { name: withoutDigest(image.reference), digest: image.digest },
    facts: shown.filter(([, value]) => value !== ''),
    tables: checkTables(verdict.checks),
    exceptions: verdict.exceptions.map((name) => `${name}: ${acceptances[name as Acceptance]}`),
    commands: commands(facts),
    notes: [
      // The headline has the first; nobody should have to unfold all checks for the rest.
      ...others.map(({ id, why }) => `Refused for ${id}, too: ${why}`),
      ...(verdict.verified || inputs.enforce ? [] : ['The image was refused; enforce is warn, so the step goes on.']),
      ...verdict.notes,
      ...notes,
    ],
    details: { verdict: verdict as unknown as JsonValue } as JsonObject,
  }
}

/** The checks in the order of a reviewer's interest: what failed or was excused, what was proven, what this image has no part in. */
function checkTables(checks: readonly Check[]): ActionReport['tables'] {
  const table = (title: string, ...states: Check['status'][]): ActionReport['tables'] => {
    const rows = checks
      .filter(({ status }) => states.includes(status))
      .map(({ id, status, reason, why, clause }) => [
        id,
        reason === null ? marks[status] : `${marks[status]} (${reason})`,
        why,
        clause,
      ])
    return rows.length === 0 ? [] : [{ title: `${title}: ${rows.length} of ${checks.length} checks`, header, rows }]
  }
  const header = ['check', 'result', 'why', 'rule']
  return [
    ...table('Failed', 'failed'),
    ...table('Accepted by exception', 'accepted'),
    ...table('Passed', 'passed'),
    ...table('Not applicable', 'skipped'),
  ]
}

/** What pinned time stamp authorities say; '' where the policy pins none. */
function timeInWords({ checks }: Verdict): string {
  const found = checks.find(({ id }) => id === 'time.seal')
  if (found === undefined || found.status === 'skipped') return ''
  return found.status === 'passed' ? found.why : `not proven: ${found.why}`
}

function evidenceInWords({ builder, machine }: Verdict): string {
  if (builder.technology === null) return 'none: nothing is known of the machine'
  if (builder.technology === 'sample') return 'sample: simulated, proves nothing'
  if (machine?.status['softwareTpm'] === true) return 'tpm, a software TPM: whoever runs the host can forge its quotes'
  return builder.technology
}

/** What the evidence says of who asked for it; '' where no machine is proven. */
function levelInWords({ builder, machine }: Verdict): string {
  if (machine === null || builder.technology === 'sample') return ''
  return builder.level === 'agent-exclusive'
    ? 'agent-exclusive: only the agent can reach the TEE'
    : 'machine-only: the evidence proves the machine, not who asked for it'
}

/** Which machine it was, how good it is by its maker's word, what it measures to, and its runtime register. */
function machineInWords({ machine }: Verdict): [string, string][] {
  if (machine === null) return []
  const { id, chip, status, reference, register } = machine
  const states = Object.entries(status)
    .filter(([, value]) => typeof value !== 'object' || Array.isArray(value))
    .map(([name, value]) => `${inWords(name)} ${Array.isArray(value) ? value.join(' ') || 'none' : String(value)}`)
  return [
    ['Machine', id ?? 'not named'],
    ['Chip', chip ?? ''],
    ['State', states.join(', ')],
    ['Reference values', reference ?? 'none that the policy pins'],
    ['Runtime register', register === null ? 'none' : registerInWords(register)],
  ]
}

/** `softwareTpm` is a name for programs. */
function inWords(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function registerInWords({
  name,
  resettable,
  records,
  foreign,
}: NonNullable<NonNullable<Verdict['machine']>['register']>): string {
  const own = `${name}: ${records.map(({ operation }) => operation).join(', ')}`
  const others = foreign.length === 0 ? '' : `; extended by others, too: ${foreign.join('; ')}`
  return `${own}${others}${resettable ? '; can be set back' : ''}`
}

function commands({ verdict, inputs, reference: asked, vsa, publicKeyPath }: SummaryFacts): ActionReport['commands'] {
  const { reference } = verdict.image
  // The verdict names the child alone, but what signs its index can vouch for it.
  const again = ['sealwright verify-deploy', `--image ${quote(inputs.platform === null ? reference : asked)}`]
  if (inputs.platform !== null) again.push(`--platform ${quote(inputs.platform)}`)
  again.push(`--policy ${quote(inputs.policy)}`)
  if (inputs.at !== null) again.push(`--at ${inputs.at.toISOString()}`)
  if (inputs.collateral !== null) again.push(`--collateral ${quote(inputs.collateral)}`)
  // A KBS gives the key to the evidence of an agent. The reader's shell has none, and sends sample evidence.
  const { kbsUrl } = inputs.keys
  const needsAgent = kbsUrl !== '' && verdict.builder.technology !== 'sample'
  if (kbsUrl !== '' && !needsAgent) again.push(`--kbs-url ${quote(kbsUrl)}`)
  // The key itself is no part of any summary; without the option the content would not be looked into.
  if (inputs.keys.decryptionKey !== null) again.push('--decryption-key FILE')
  if (inputs.policyDigest !== null) again.push(`--policy-digest ${inputs.policyDigest}`)
  if (inputs.expectCommit !== null) again.push(`--expect-commit ${inputs.expectCommit}`)
  if (inputs.expectDigest !== null) again.push(`--expect-digest ${inputs.expectDigest}`)
  if (inputs.nonce !== null) again.push(`--nonce ${quote(inputs.nonce)}`)
  const expected = `# Without the key this is refused as not-checked, all else is verified. In a job with an agent add: --kbs-url ${quote(kbsUrl)}`
  const lines = [...(needsAgent ? [expected] : []), again.join(' ')]
  const list = [{ title: 'Verify again with Sealwright', lines }]
  if (!verdict.verified || vsa === '' || isLocalText(reference) || !cosignReads(reference)) return list
  return [...list, { title: 'Check the verification summary with cosign', lines: [vsaLine(reference, publicKeyPath)] }]
}

/**
 * The same line for cosign 2.5 and 3: a verification summary exists as a bundle only, which 2.5 reads when asked, and then it asks the network for
 * a trust root unless it is given one. A key needs none, so an empty one is enough.
 */
function vsaLine(reference: string, publicKeyPath: string): string {
  const root = `'{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'`
  const flags = `--key ${quote(publicKeyPath)} --private-infrastructure=true --new-bundle-format --trusted-root /dev/stdin`
  return `echo ${root} | cosign verify-attestation ${flags} --type ${predicateTypes.vsa} ${quote(reference)}`
}
