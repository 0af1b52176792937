import { InputError, VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { isForeign } from '../own-form.ts'
import type { Claim } from '../statements.ts'
import { buildLines, journalOf, weakestSteps } from './build-lines.ts'
import { encryptionLines } from './encryption-lines.ts'
import { promotionLines } from './promotion-lines.ts'
import { admittedImage, learnIdentities, publisherLines } from './publisher-lines.ts'
import { encryptsOf } from '../journal-roles.ts'
import type { Jwks } from '../../journal/token.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import type { Evidence } from '../evidence.ts'
import { readImageEvidence } from '../image-evidence.ts'
import { judgeImage, type VerifyOptions } from '../verify-image.ts'
import { acceptances, acceptanceNames, type Acceptance } from '../policy/accept.ts'
import { PinnedIdentities, type GivenIdentities } from './identity-lines.ts'
import { jobOf } from './job-lines.ts'
import { logLines, type GivenLog } from './log-lines.ts'
import { machinesLines, type MachineOptions } from './init-machine.ts'
import { parsePolicy } from '../policy/load.ts'
import { renderPolicy } from './policy-text.ts'
import { claimsOf, statementsOf } from './statement-kinds.ts'
import { statusLines } from './status-lines.ts'
import { timeLines } from './time-lines.ts'

export interface InitOptions extends MachineOptions {
  /** PEM texts of release keys to pin. */
  publicKeys: readonly string[]
  /** Identities to pin, with the trusted root of their authorities. */
  identities?: GivenIdentities | undefined
  /** Keys of the token's issuer; read from its discovery document where they are not given. */
  jwks?: Jwks | undefined
  opener?: VerifyOptions['opener'] | undefined
  /** PEM chains of time stamp authorities to pin. */
  timeAuthorities?: readonly string[] | undefined
  /** PEM texts of keys whose status statements count. */
  statusKeys?: readonly string[] | undefined
  /** Private log to pin. */
  log?: GivenLog | undefined
}

export interface InitResult {
  /** The policy file. Whoever writes it must not overwrite one. */
  text: string
  /** What the image lacks, one line each, for stderr. */
  warnings: string[]
}

/**
 * Writes a first policy for an image whose own statements verify (TRUST §6): pins issuer with its keys, repository id, workflow (repository, path, its commit as a comment) and
 * release keys, and what the machine measured to; never an image digest, run id, chip or agent key. What the image lacks becomes an `accept-…` line, and the result was seen to
 * verify this very image.
 *
 * @param reference of the image
 * @throws VerificationError with the reason for which the image's own statements do not verify; InputError, TransportError
 */
export async function initPolicy(reference: string, options: InitOptions, ports: Ports): Promise<InitResult> {
  const warnings: string[] = []
  const children = await readImageEvidence(reference, ports)
  const evidences = children.flatMap(({ evidence: found }) => found ?? [])
  const evidence = evidences[0] ?? null
  const events = evidences.flatMap(journalOf)
  const givenKeys = usableKeys(options.publicKeys, evidences, warnings)
  const given = options.identities === undefined ? null : new PinnedIdentities(options.identities, ports.clock.now())
  const job = evidence === null ? null : await jobOf(evidence, options.jwks, ports)
  const promoted = await promotionLines(
    children,
    { keys: givenKeys, identities: given, jwks: options.jwks, job },
    ports,
  )
  warnings.push(...promoted.warnings)
  let promotions = promoted.lines
  // Whoever signed a record alone vouches for no image.
  const releaseKeys = givenKeys.filter((pem) => !promoted.recordKeys.includes(pem))
  const identities = promoted.recordIdentities ? null : given
  const accepts = new Set<Acceptance>()
  const machine = await machinesLines([...evidences, ...promoted.evidences], options, ports)
  for (const name of machine?.accepts ?? []) accepts.add(name)
  if (evidence === null && (releaseKeys.length > 0 || identities !== null)) accepts.add('accept-signature-only')
  else if (evidence === null)
    throw new VerificationError('missing-evidence', 'no evidence is attached to the image', {
      subject: reference,
      remedy:
        'Give --public-key of the key that signed it, or --identity with --issuer and --trusted-root, or publish it from a job with an agent.',
    })
  else if (job === null) accepts.add('accept-self-asserted-job')

  const claims = await Promise.all(children.map((child) => claimsOf(child, releaseKeys, identities)))
  const admitted = admittedImage(children, events)
  if (admitted !== null) await learnIdentities(admitted, children, identities)
  let builder: string | null = null
  const statements = statementsOf(claims, evidence !== null, admitted !== null)
  if (statements !== null)
    warnings.push(`statements: [${statements.kinds.join(', ')}]: the image has no ${statements.lacking.join(', no ')}`)
  const provenance = claims.flat().filter((claim) => claim.kind === 'provenance' && !isForeign(claim))

  const stamps = claims.flat().flatMap((claim) => claim.stamps)
  const status = await statusLines(
    children.map((child) => child.subject),
    options.statusKeys ?? [],
    ports.clock.now(),
  )
  warnings.push(...status.warnings)
  const encrypts = children.flatMap(({ subject }) => encryptsOf(events, subject.descriptor.digest))

  // Each round asks the gate what is missing, and adds just that.
  for (let round = 0; round <= acceptanceNames.length + 2; round += 1) {
    const text = renderPolicy({
      technology: (evidence ?? promoted.evidences[0])?.index.technology ?? null,
      job,
      machine: machine === null ? [] : collateralLines(options).concat(machine.lines),
      // What is given of an image of others belongs to its publisher.
      releaseKeys: admitted === null ? releaseKeys : [],
      identities:
        admitted === null ? (identities?.lines() ?? []) : publisherLines(admitted, releaseKeys, identities, builder),
      promotions: [...(promoted.recordIdentities && given !== null ? [given.rootLine()] : []), ...promotions],
      accepts,
      statements,
      build: buildLines(provenance, events),
      encryption: encryptionLines(encrypts),
      status: status.lines,
      time: [
        ...timeLines(options.timeAuthorities ?? [], stamps, options.log?.timed === true ? options.log.witnesses : []),
        ...logLines(options.log),
      ],
      steps: weakestSteps(events),
    })
    const policy = await parsePolicy(text, 'the new policy', given?.readText)
    const { verdict, lacking, hard } = await judgeImage(
      reference,
      policy,
      { opener: options.opener, collateral: options.collateral?.path, trust: options.trust },
      ports,
    )
    const named = verdict.verified ? (verdict.origin?.builder ?? null) : null
    if (named !== null && builder === null) {
      builder = named
      continue
    }
    if (verdict.verified)
      return { text, warnings: [...warnings, ...[...accepts].map((name) => `${name}: true: ${acceptances[name]}`)] }
    if (hard?.id === 'promotion' && promotions.length > 0) {
      promotions = []
      warnings.push(`no section \`promotions\` is written: ${hard.why}`)
      continue
    }
    if (hard !== null) {
      throw new VerificationError(
        hard.reason ?? 'policy-invalid',
        `the image’s own statements do not verify: ${hard.why}`,
        {
          subject: verdict.image.digest,
          remedy:
            hard.id === 'admission.publisher'
              ? 'None of the given keys and identities signed the plain image. Give --public-key of its publisher, or --identity with --issuer and --trusted-root.'
              : remedyFor(hard.reason, evidence !== null, claims.flat(), options),
        },
      )
    }
    for (const name of lacking) accepts.add(name)
  }
  throw new VerificationError('policy-invalid', 'no policy could be found that accepts the image', {
    subject: reference,
  })
}

/** Reasons of an image that somebody else signed, or nobody. */
const byOthers: readonly string[] = ['signature-only', 'signature-invalid', 'identity-mismatch', 'missing-evidence']

/** @param claims statements that a given key or identity signed */
function remedyFor(
  reason: string | null,
  evidence: boolean,
  claims: readonly Claim[],
  { identities, publicKeys }: Pick<InitOptions, 'identities' | 'publicKeys'>,
): string {
  // A key has no identity, and a certificate's key is gone: the reader may have given one where the other signed.
  if (!evidence && claims.length === 0 && reason !== null && byOthers.includes(reason)) {
    const given = [...(publicKeys.length === 0 ? [] : ['key']), ...(identities === undefined ? [] : ['identity'])].join(
      ' or ',
    )
    return `No given ${given} signed this image. Give --public-key of the key that signed it, or, where a certificate signed it, --identity with --issuer and --trusted-root.`
  }
  // An attestation can say anything of an image, also that it must not run.
  if (reason === 'missing-statement' && !evidence && claims.length > 0)
    return 'The key attested the image, but did not sign it. Sign it also (cosign sign --key KEY IMAGE@DIGEST).'
  return 'A policy is made only from an image that is in order: publish it again.'
}

/** An agent's key lives for one job: as a release key it would refuse the next image, and accept nothing but this one. */
function usableKeys(texts: readonly string[], evidences: readonly Evidence[], warnings: string[]): string[] {
  return texts.flatMap((text) => {
    let pem: string
    try {
      pem = loadPublicKey(`${text.trim()}\n`).pem
    } catch (cause) {
      throw new InputError('file-invalid', cause instanceof Error ? cause.message : 'not a public key', {
        subject: 'public-key',
        cause,
        remedy: 'Give a PEM file "PUBLIC KEY".',
      })
    }
    if (!evidences.some(({ key }) => key.pem === pem)) return [pem]
    warnings.push("a public key was not pinned: it is the key of the job's agent, which no other job will have")
    return []
  })
}

function collateralLines({ collateral }: InitOptions): string[] {
  return collateral === undefined ? [] : [`collateral: ${JSON.stringify(collateral.name)}`]
}
