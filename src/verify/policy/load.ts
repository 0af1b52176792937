import type { PinnedLog } from '../../log/pinned-log.ts'
import { pinnedLogOf } from './log-schema.ts'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { InputError, VerificationError } from '../../base/errors.ts'
import { sha256 } from '../../base/streams.ts'
import type { Technology } from '../../base/technology.ts'
import { jcs } from '../../encoding/jcs.ts'
import { readYaml } from '../../encoding/yaml.ts'
import type { EarTrust } from '../../kbs/ear.ts'
import { readEarTrust } from '../../kbs/ear-trust.ts'
import type { Digest } from '../../oci/types.ts'
import { parseTrustedRoot, type TrustedRoot } from '../../sign/trusted-root.ts'
import type { TeeRules } from '../../tee/verify/verifier.ts'
import { acceptanceNames, type Acceptance } from './accept.ts'
import { seconds } from './duration.ts'
import { inlineFiles, type InlineJob, type ReadText, type Resolved } from './files.ts'
import { identityRules, type NamedIdentity } from './identities.ts'
import { publisherRules, type PublisherRules } from './publisher.ts'
import { readReferences, type BrokenReference, type Reference } from './references.ts'
import { policySchema, type PolicyDocument } from './schema.ts'
import { policyClaim, policyPromotion, type PolicyClaim } from './claims.ts'
import { notationRules, scittRules, type NotationRules, type ScittRules } from './cose.ts'
import { archiveKeys, statusRules, type StatusRules } from './status.ts'
import type { NoticeTrust } from '../status/read.ts'
import { teeRules } from './tee-rules.ts'
import type { PolicyTuf } from './trusted-root.ts'
import { timeSources } from './time.ts'
import type { TimeSources } from '../signature-times.ts'
import { windowOf, type Window } from '../../base/window.ts'

const limit = 1 << 20

export interface ResolvedJob extends InlineJob {
  window: Window
}

/** A policy with every file that it names read in, and every default filled in. */
export interface Policy {
  document: PolicyDocument
  /** SHA-256 over the JCS form with all files inlined: a changed JWKS or key file is another policy. */
  digest: Digest
  technology: Technology | null
  platform: string | null
  jobs: ResolvedJob[]
  releaseKeys: { pem: string; window: Window }[]
  identities: NamedIdentity[]
  /** Of `identities`; null where the policy names none, or names the repository that serves it. */
  trustedRoot: TrustedRoot | null
  /** Where the trusted root comes from, for `withTrustedRoot`; null where it is a file. */
  tuf: PolicyTuf | null
  /** Who built images that the job only admitted; null where the job has to have built the image. */
  publisher: PublisherRules | null
  /** Parties, of release keys and identities, that must have signed the image. */
  threshold: number
  /** Signed ones first. */
  references: Reference[]
  brokenReferences: BrokenReference[]
  /** Rules of the hardware with all accept lines. */
  rules: TeeRules
  /** Absolute folder with collateral; null where the policy names none. */
  collateral: string | null
  ear: { trust: EarTrust; policyId: string } | null
  /** Claims that other parties must have made, promotion records among them. */
  claims: PolicyClaim[]
  /** Nobody where no trusted time is asked for. */
  time: TimeSources
  /** Null where no log is asked for. */
  log: PinnedLog | null
  /** Null where no signature of the Notary Project is asked for. */
  notation: NotationRules | null
  /** Null where no registration is asked for. */
  scitt: ScittRules | null
  /** Null where nobody's word on the status of an image counts. */
  status: StatusRules | null
  /** Whose word on purged layers counts; null for nobody. */
  archive: NoticeTrust | null
  accepts: ReadonlySet<Acceptance>
  rebuilds: number
  maxAgeSeconds: number
  maxJobSeconds: number
}

/**
 * Reads a policy file (YAML or JSON).
 *
 * @param path absolute
 * @throws InputError `file-missing`, `file-invalid` with path, line and what is wrong there
 */
export async function loadPolicy(path: string): Promise<Policy> {
  return parsePolicy(await readPolicyText(path), path)
}

/** The text of a policy file. @throws InputError `file-missing` */
export async function readPolicyText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new InputError('file-missing', `the policy ${path} cannot be read`, {
      subject: path,
      cause,
      remedy: 'Give the path of a policy file; `sealwright policy init --image REF` writes a first one.',
    })
  })
}

/** As {@link loadPolicy}, for text at hand; files that it names lie beside `path`. */
export async function parsePolicy(text: string, path: string, read?: ReadText): Promise<Policy> {
  if (text.length > limit) throw invalid(path, [`it is larger than ${limit} bytes`])
  const document = await readDocument(text, path)
  const resolved = await inlineFiles(document, path, read)
  const accepts = new Set(acceptanceNames.filter((name) => document[name] !== undefined))
  const { references, broken } = readReferences(resolved)
  const { 'trusted-root': root } = resolved
  const log = resolved.log === undefined ? null : pinnedLogOf(resolved.log)
  return {
    document,
    digest: sha256(jcs(resolved)),
    technology:
      document.technology ?? (document['accept-sample'] ? 'sample' : document['accept-software-tpm'] ? 'tpm' : null),
    platform: document.platform ?? null,
    jobs: resolvedJobs(resolved.job),
    releaseKeys: resolved['release-keys'].map(({ key, ...rest }) => ({ pem: key, window: windowOf(rest) })),
    identities: identityRules(document.identities ?? []),
    trustedRoot: typeof root === 'string' ? readTrustedRoot(root, path) : null,
    tuf: typeof root === 'object' ? root : null,
    publisher: publisherRules(resolved.publisher),
    threshold: document.threshold ?? 1,
    references,
    brokenReferences: broken,
    rules: teeRules(resolved.tee, accepts),
    collateral: document.collateral === undefined ? null : resolve(dirname(path), document.collateral),
    ear: resolved.ear === undefined ? null : earOf(resolved.ear),
    claims: [
      ...(resolved.claims ?? []).map((claim, i) => policyClaim(claim, i, path)),
      ...(resolved.promotions ?? []).map((one, i) => policyPromotion(one, resolvedJobs(one.jobs ?? []), i, path)),
    ],
    time: readTime(resolved, log, path),
    log,
    ...coseRules(resolved, path),
    status: resolved.status === undefined ? null : statusRules(resolved.status, path),
    archive: resolved.archive === undefined ? null : archiveKeys(resolved.archive, path),
    accepts,
    rebuilds: document.rebuilds?.minimum ?? 1,
    maxAgeSeconds: seconds(document['max-age'] ?? '30d'),
    maxJobSeconds: seconds(document['max-job'] ?? '6h'),
  }
}

function resolvedJobs(jobs: readonly InlineJob[]): ResolvedJob[] {
  return jobs.map((job) => ({ ...job, window: windowOf(job) }))
}

function coseRules({ notation, scitt }: Resolved, path: string): Pick<Policy, 'notation' | 'scitt'> {
  const beside = notation?.crls
  const crls = beside === undefined ? null : resolve(dirname(path), beside)
  return {
    notation: notation === undefined ? null : notationRules(notation, crls, path),
    scitt: scitt === undefined ? null : scittRules(scitt, path),
  }
}

function earOf({ keys, 'policy-id': policyId }: NonNullable<Resolved['ear']>): NonNullable<Policy['ear']> {
  const trusts = keys.map((text) => readEarTrust(Buffer.from(text), 'ear.keys'))
  return {
    trust: {
      keys: trusts.flatMap((trust) => trust.keys),
      certificates: trusts.flatMap(({ certificates }) => certificates ?? []),
    },
    policyId: policyId ?? 'default',
  }
}

function readTrustedRoot(text: string, path: string): TrustedRoot {
  try {
    return parseTrustedRoot(Buffer.from(text))
  } catch (cause) {
    if (!(cause instanceof VerificationError)) throw cause
    throw invalid(path, [`trusted-root: ${cause.message}`])
  }
}

function readTime({ time }: Resolved, log: PinnedLog | null, path: string): TimeSources {
  try {
    return timeSources(time, log)
  } catch (cause) {
    if (!(cause instanceof VerificationError)) throw cause
    throw invalid(path, [cause.message.startsWith('time.') ? cause.message : `time: ${cause.message}`])
  }
}

async function readDocument(text: string, path: string): Promise<PolicyDocument> {
  const { value, problems } = await readYaml(text, policySchema, 'the policy')
  if (problems !== null) throw invalid(path, problems)
  return value
}

function invalid(path: string, problems: readonly string[]): InputError {
  return new InputError(
    'file-invalid',
    `the policy ${path} is not valid:\n${problems.map((p) => `  ${p}`).join('\n')}`,
    {
      subject: path,
      remedy: 'Correct these lines; docs/policy.md explains every member.',
    },
  )
}
