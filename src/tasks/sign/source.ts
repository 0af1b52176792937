import { InputError, VerificationError } from '../../base/errors.ts'
import type { JournalEvent } from '../../journal/event.ts'
import { lackOfAdmission, rolesOf, subjectRoles, type SubjectRole } from '../../journal/subject-roles.ts'
import { copyImage } from '../../oci/copy.ts'
import { openStore, resolveImage } from '../../oci/open.ts'
import { formatReference, parseTarget } from '../../oci/reference.ts'
import type { Descriptor, Digest, Reference, Store } from '../../oci/types.ts'
import type { StepContext } from '../context.ts'
import { jobImage } from '../job-image.ts'
import type { SignRequest } from './request.ts'

/** The image as it was published, still without its tag. */
export interface Published {
  store: Store
  descriptor: Descriptor
  reference: Reference
  /** To be set after everything else, so that whoever pulls by tag finds all that vouches for the image. */
  tag: string
  /** Digest of the plain manifest: another one than published, if the job encrypted it. */
  plain: Digest
  /** The index that was published, where this is one of its manifests; else null. */
  index: Digest | null
}

/** An image that was found, before it is copied anywhere. */
export interface FoundImage {
  from: Awaited<ReturnType<typeof resolveImage>>
  plain: Digest
}

/** Finds the image to sign and copies it to `output`: {@link findImage}, {@link publishTo}. */
export async function publishImage(
  inputs: SignRequest,
  journal: readonly JournalEvent[] | null,
  context: StepContext,
): Promise<Published> {
  return publishTo(await findImage(inputs, journal, context), inputs.output, context)
}

/**
 * Finds the image to sign. A tag is resolved once a run: it may lead elsewhere a moment later.
 *
 * @param journal events of the job, null where no agent runs
 * @throws VerificationError `encryption-link` for the plain form of an image that the job encrypted: it must not leave; `role-mismatch` for an
 *   image that the job neither built nor verified; `not-admitted`, `admission-refused`, `claimed-steps` for the encrypted form of one
 */
export async function findImage(
  inputs: SignRequest,
  journal: readonly JournalEvent[] | null,
  context: StepContext,
): Promise<FoundImage> {
  const { ports } = context
  const from = await resolveImage(inputs.image ?? (await jobImage(context.state, ['plain', 'encrypted'])), ports)
  const digest = from.descriptor.digest
  requireNoPlain(inputs, journal ?? [], digest)
  if (journal !== null && !isOwn(journal, digest)) throw notOwn(journal, digest)
  return { from, plain: plainOf(journal ?? [], digest) }
}

/**
 * Copies an image that was found, without its tag.
 *
 * @param output where to, or null to leave it where it lies
 * @throws InputError `input-invalid` for an output of another digest
 */
export async function publishTo(
  { from, plain }: FoundImage,
  output: string | null,
  { ports }: Pick<StepContext, 'ports'>,
): Promise<Published> {
  const { digest } = from.descriptor
  const parsed = parseTarget(output ?? from.reference, ports.roots.cwd)
  if (parsed.digest !== undefined && parsed.digest !== digest) {
    throw new InputError('input-invalid', `output names ${parsed.digest}, but the image is ${digest}`, {
      subject: 'output',
      remedy: 'Leave the digest out of output.',
    })
  }
  const tag = parsed.tag ?? (output === null ? from.tag : null) ?? 'latest'
  const reference: Reference = { ...parsed, tag, digest }
  const store = openStore(reference, ports)
  if (store.name === from.store.name) return { store, descriptor: from.descriptor, reference, tag, plain, index: null }
  ports.log.info(`copying ${digest} to ${formatReference({ ...reference, digest: undefined })}`)
  return {
    store,
    descriptor: await copyImage(from.store, store, digest, { log: ports.log }),
    reference,
    tag,
    plain,
    index: null,
  }
}

/** Whether a job built or admitted an image, or encrypted such a one: its agent signs about no other (TRUST §4). */
export function isOwn(journal: readonly JournalEvent[], digest: Digest): boolean {
  const held = standingOf(journal, digest)
  return held.has('built') || held.has('admitted')
}

/** Whether the job's agent signs the image itself: never one of others, whose signature is the publisher's. */
export function isSignable(journal: readonly JournalEvent[], digest: Digest): boolean {
  const held = standingOf(journal, digest)
  return subjectRoles.sign?.some((role) => held.has(role)) === true
}

function standingOf(journal: readonly JournalEvent[], digest: Digest): ReadonlySet<SubjectRole> {
  const plain = plainOf(journal, digest)
  return rolesOf(journal, digest, plain === digest ? [] : [plain])
}

/** Why an agent signs nothing about an image, before anything of it is published. */
function notOwn(journal: readonly JournalEvent[], digest: Digest): VerificationError {
  const plain = plainOf(journal, digest)
  const { code, why } = lackOfAdmission(journal, plain)
  return new VerificationError(
    code === 'not-admitted' && plain === digest ? 'role-mismatch' : code,
    `${plain} ${why}`,
    {
      subject: digest,
      remedy:
        'Build the image in this job, or run verify-deploy over the plain image first; a foreign image can also be signed with a key where no agent runs.',
    },
  )
}

/** The plain form of an image that the job encrypted; any other is its own. */
export function plainOf(journal: readonly JournalEvent[], digest: Digest): Digest {
  const encrypt = journal.findLast(({ kind, outputs }) => kind === 'encrypt' && holds(outputs, digest))
  return encrypt?.inputs.find(({ role }) => role === 'image')?.digest ?? digest
}

/** Where a job encrypts, no plain image leaves it unasked (INTERFACE §1). @throws VerificationError `encryption-link` */
function requireNoPlain({ image }: SignRequest, journal: readonly JournalEvent[], digest: Digest): void {
  const encrypts = journal.filter(({ kind }) => kind === 'encrypt')
  if (encrypts.length === 0 || encrypts.some(({ outputs }) => holds(outputs, digest))) return
  const own = encrypts.some(({ inputs }) => holds(inputs, digest))
  if (image !== null && !own) return
  const newest = 'the newest image of this job is plain'
  const why =
    image !== null
      ? 'this image was encrypted in the job: its plain form is neither signed nor published'
      : own
        ? `${newest}: it was built again after its encrypted form was made`
        : `${newest}, but an older image of this job was encrypted for recipients`
  throw new VerificationError('encryption-link', why, {
    subject: digest,
    remedy:
      image !== null
        ? 'Give the output of the encrypt step as image.'
        : own
          ? 'Run encrypt again, or give the output of the encrypt step as image.'
          : 'Run encrypt again, or name the plain image as `image` if it may be published unencrypted.',
  })
}

function holds(artifacts: JournalEvent['inputs'], digest: Digest): boolean {
  return artifacts.some((artifact) => artifact.role === 'image' && artifact.digest === digest)
}
