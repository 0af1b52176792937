import { VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { Jwks } from '../../journal/token.ts'
import { findCosignSignatures } from '../../sign/find.ts'
import { loadPublicKey, verifySignature } from '../../sign/public-key.ts'
import { isVerdictType } from '../../statement/claims/types.ts'
import { predicateFault, readPredicate } from '../../statement/schemas/predicate.ts'
import { readAttached } from '../attached.ts'
import { headsOf } from '../candidates.ts'
import type { Subject } from '../candidate.ts'
import { readEvidence, type Evidence } from '../evidence.ts'
import type { ChildEvidence } from '../image-evidence.ts'
import { Notes } from '../notes.ts'
import { readClaims, signedBy, type ReadClaim } from '../statements.ts'
import type { PinnedIdentities } from './identity-lines.ts'
import { jobLines, jobOf, type JobFacts } from './job-lines.ts'
import { keyLines } from './key-lines.ts'

/** Who may have signed a record, as far as the caller of `policy init` knows. */
interface GivenReceivers {
  /** PEM texts. */
  keys: readonly string[]
  identities: PinnedIdentities | null
  /** Keys of the issuer of the image's job. */
  jwks: Jwks | undefined
  job: JobFacts | null
}

/** What a new policy asks of promotions. */
export interface PromotionLines {
  /** Section `promotions`; empty where no record counts. */
  lines: string[]
  /** Evidence of the job that signed the record, whose machine the policy must know. */
  evidences: Evidence[]
  /** Given keys that signed records and nothing that vouches for the image. */
  recordKeys: string[]
  /** Whether the same holds of the given identities. */
  recordIdentities: boolean
  warnings: string[]
}

/**
 * Asks for the newest promotion record of an image again: for its environment and target, by the given key or identity or the attested job that signed it.
 *
 * @throws TransportError when the store or the issuer of the job does not answer
 */
export async function promotionLines(
  [child]: readonly ChildEvidence[],
  given: GivenReceivers,
  ports: Ports,
): Promise<PromotionLines> {
  const none: PromotionLines = { lines: [], evidences: [], recordKeys: [], recordIdentities: false, warnings: [] }
  if (child === undefined) return none
  const { subject } = child
  const { keys, identities } = given
  const { claims, records } = await recordsOf(subject)
  if (records.length === 0) return none
  const { digest } = subject.descriptor
  const others = claims.filter(({ predicateType }) => !isVerdictType(predicateType))
  const signatures = await findCosignSignatures(subject.store, subject.descriptor, { onBroken: () => {} })
  const signedImage = (pem: string): boolean =>
    others.some((claim) => signedBy(claim, pem)) ||
    signatures.some(({ payload, signature }) => verifySignature(loadPublicKey(pem), payload, signature))
  const signed = (claim: ReadClaim): boolean => identities?.signed(claim, digest) === true
  const found = {
    ...none,
    recordKeys: keys.filter((pem) => records.some((record) => signedBy(record, pem)) && !signedImage(pem)),
    recordIdentities: records.some(signed) && !others.some(signed),
  }
  for (const record of records) {
    const by = keys.filter((pem) => signedBy(record, pem))
    if (by.length > 0) return { ...found, lines: section(record, keyLines(by, 'keys')) }
    if (signed(record)) return { ...found, lines: section(record, identities?.identityLines() ?? []) }
    const evidence = await evidenceOf(subject, record)
    // A policy is about one technology.
    const builtOn = child.evidence?.index.technology
    if (builtOn !== undefined && evidence !== null && evidence.index.technology !== builtOn) continue
    const job = evidence === null ? null : await receiverJob(evidence, given, ports)
    if (evidence !== null && job !== null)
      return { ...found, evidences: [evidence], lines: section(record, asList(jobLines(job))) }
  }
  return {
    ...found,
    warnings: [
      'no section `promotions` is written: no given key or identity, and no job with a token and this technology, signed a promotion record of the image',
    ],
  }
}

/** Newest first. */
async function recordsOf(subject: Subject): Promise<{ claims: ReadClaim[]; records: ReadClaim[] }> {
  const [index] = subject.via
  const named = index === undefined ? [] : [{ ...subject.descriptor, digest: index }]
  const read = await Promise.all([subject.descriptor, ...named].map((one) => readClaims(subject.store, one)))
  const claims = read.flatMap((one) => one.claims)
  const time = ({ statement, manifest }: ReadClaim): number =>
    Date.parse(readPredicate('promotion', statement.predicate, manifest).promotedOn)
  const records = claims
    .filter(({ kind, statement, subject: about }) => kind === 'promotion' && about !== null && isWhole(statement))
    .sort((a, b) => time(b) - time(a))
  return { claims, records }
}

function isWhole({ predicate }: ReadClaim['statement']): boolean {
  return predicateFault('promotion', predicate) === null
}

/** Evidence whose key signed a record; null for none. */
async function evidenceOf({ store, descriptor, via }: Subject, record: ReadClaim): Promise<Evidence | null> {
  const nobody = (): Promise<null> => Promise.resolve(null)
  const receivers = { certificates: null, admit: () => Promise.resolve(0) }
  const attached = await readAttached(
    store,
    [descriptor.digest, ...via.slice(0, 1)],
    [],
    null,
    nobody,
    new Notes(),
    undefined,
    undefined,
    null,
    receivers,
  )
  const job = attached.keys.find(({ key }) => signedBy(record, key.pem))
  const [head] = job === undefined ? [] : headsOf(job, attached)
  if (head === undefined) return null
  try {
    return await readEvidence(store, head.manifest, head.subject)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return null
  }
}

/** The keys at hand are those of the issuer of the image's job; of another issuer they are read. */
async function receiverJob(evidence: Evidence, { jwks, job }: GivenReceivers, ports: Ports): Promise<JobFacts | null> {
  if (job === null) return jobOf(evidence, jwks, ports)
  const found = await jobOf(evidence, job.jwks, ports)
  return found === null || found.issuer === job.issuer ? found : jobOf(evidence, undefined, ports)
}

/** JSON strings are YAML strings: no text of a record can add a line. */
function section({ statement, manifest }: ReadClaim, by: readonly string[]): string[] {
  const { environment, to } = readPredicate('promotion', statement.predicate, manifest)
  return [
    'promotions:',
    ...(typeof environment === 'string' ? [`  - environment: ${JSON.stringify(environment)}`] : []),
    `${typeof environment === 'string' ? '   ' : '  -'} to: ${JSON.stringify(to.name)}`,
    ...by.map((line) => `    ${line}`),
  ]
}

/** Section `job` as the one entry of `jobs`. */
function asList([, first = '', ...rest]: readonly string[]): string[] {
  return ['jobs:', `  - ${first.trim()}`, ...rest.map((line) => `  ${line}`)]
}
