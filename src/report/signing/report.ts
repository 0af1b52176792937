import { identityText } from '../../bundle/identity.ts'
import { cosignReads } from '../../oci/identity.ts'
import { formatReference } from '../../oci/reference.ts'
import type { ActionReport } from '../types.ts'
import { commandsFor, type SignerPaths } from './commands.ts'
import { readsSignatureTag, type SignRequest } from '../../tasks/sign/request.ts'
import type { SignAttestResult } from '../../tasks/sign/result.ts'
import type { Receipt } from '../../tasks/sign/writer.ts'

const words: Readonly<Record<Receipt['kind'], string>> = {
  sign: 'image signature',
  provenance: 'SLSA provenance',
  spdx: 'SBOM (SPDX)',
  spdx3: 'SBOM (SPDX 3)',
  cyclonedx: 'SBOM (CycloneDX)',
  inventory: 'file inventory',
  rebuild: 'rebuild result',
  encryption: 'encryption',
  evidence: 'TEE evidence',
  vsa: 'verification summary',
  promotion: 'promotion record',
  vulns: 'vulnerability scan',
  openvex: 'VEX (OpenVEX)',
  'test-result': 'test result',
  status: 'status',
  archive: 'archive record',
  'kbs-state': 'state of a KBS',
  'inventory-document': 'file inventory (document)',
  'evidence-bundle': 'raw evidence and journal',
  'image-signature': 'image signature (legacy tag)',
  'notation-signature': 'image signature (Notary Project)',
  'scitt-statement': 'signed statement (SCITT)',
}

/** What a reviewer sees of a signing run. */
export function signingReport(
  result: SignAttestResult,
  inputs: SignRequest,
  paths: SignerPaths,
  localIssuer: boolean,
): ActionReport {
  const { published, receipts, agent } = result
  const digest = published.descriptor.digest
  const several = receipts.some(({ subject }) => subject !== digest)
  const added = receipts.filter(({ state }) => state === 'added').length
  const who = signers(result, inputs)
  const facts: [string, string][] = [
    ['Published as', formatReference({ ...published.reference, digest: undefined })],
    ['Signed by', who],
  ]
  if (paths.key !== null) facts.push(['Public key', paths.key])
  if (inputs.timestamp !== null)
    facts.push(['Time stamps', `by ${inputs.timestamp.host}; the gate decides whether its policy knows that service`])
  if (inputs.log !== null)
    facts.push(['Log', `${inputs.log.place}; the gate decides whether its policy pins that log and its witnesses`])
  if (published.plain !== digest) facts.push(['Plain image', `${published.plain} (not published)`])
  if (agent !== null) {
    facts.push(
      ['Evidence', evidenceWords(agent.technology)],
      ['Job identity', agent.assurance === 'token' ? 'OIDC token for the signing key' : 'self-asserted'],
    )
    facts.push(['Instance', agent.instance], ['Journal', `${agent.journalCount} events, head ${agent.journalHead}`])
  }
  return {
    headline:
      added === 0
        ? 'Nothing to sign: everything is attached already'
        : `Signed: ${added} of ${receipts.length} attached now`,
    status: agent === null || agent.technology === 'sample' ? 'warning' : 'passed',
    subject: { name: result.identity, digest },
    facts,
    tables: [
      {
        title: 'Attached',
        header: [...(several ? ['Of'] : []), 'What', 'Signer', 'Payload', 'Manifest', 'State'],
        rows: receipts.map((receipt) => [
          ...(several ? [receipt.subject] : []),
          words[receipt.kind],
          receipt.signer ?? '–',
          receipt.payload,
          receipt.manifest,
          receipt.state,
        ]),
      },
    ],
    exceptions: [],
    commands: commandsFor(result, paths, inputs.consumers, inputs.signer, localIssuer),
    notes: notes(result, inputs),
    details: { digest, plain: published.plain, receipts: receipts.map((receipt) => ({ ...receipt })) },
  }
}

function signers({ agent, keyless }: SignAttestResult, inputs: SignRequest): string {
  const names = [
    ...(agent === null ? [] : [`the agent (key ${agent.keyId})`]),
    ...(inputs.key?.kind === 'kbs' ? [`the key ${inputs.key.uri}, which its KBS released to this job`] : []),
    ...(inputs.signer === 'key' && inputs.key?.kind !== 'kbs' ? ['the given key'] : []),
    ...(keyless === null ? [] : [identityText(keyless.identity)]),
  ]
  return names.join(' and ')
}

function evidenceWords(technology: string): string {
  return technology === 'sample'
    ? 'sample: proves nothing, refused unless a policy names it'
    : `${technology}, sealed; the gate decides what it proves`
}

function notes({ published, agent, left, keyless }: SignAttestResult, inputs: SignRequest): string[] {
  const found = [logNote(keyless, inputs)]
  if (keyless !== null && agent === null && readsSignatureTag(inputs.consumers))
    found.push(
      'No legacy tags were written: cosign 2 and Confidential Containers guests look for a key there, and an identity signed.',
    )
  if (left.length > 0)
    found.push(
      `The agent did not sign these manifests of the index, because its job did not build them: ${left.join(', ')}. The gate refuses the index until each of them is signed.`,
    )
  if (agent === null)
    found.push(
      keyless === null
        ? 'No agent ran: the builder is "plain", nothing ties these signatures to a machine or a job.'
        : 'No agent ran: the builder is "plain". The certificate ties these signatures to a job, nothing ties them to a machine.',
    )
  if (published.store.kind === 'layout')
    found.push('cosign reads registries only: copy the layout into one before verifying with it.')
  else if (!cosignReads(formatReference(published.reference)))
    found.push('cosign refuses a repository name of one character: no command of cosign can verify this image.')
  return found
}

function logNote(keyless: SignAttestResult['keyless'], inputs: SignRequest): string {
  if (keyless === null) return 'No public log was written.'
  if (inputs.keyless?.services === 'public')
    return 'The public Sigstore instance shows the certificate of this run (repository, workflow, commit, run) and the SHA-256 of each signed statement, for good.'
  const { authority, log, timestamp } = keyless.services
  const by = [`certificates by ${authority.host}`, `time stamps by ${timestamp?.host ?? 'nobody'}`]
  return `As the signing configuration says: ${by.join(', ')}, log entries ${log === null ? 'nowhere' : `in ${log.host}`}.`
}
