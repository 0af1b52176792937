import { InputError } from '../../base/errors.ts'
import type { JournalEvent } from '../../journal/event.ts'
import { admissionsOf, policyOf } from '../../journal/subject-roles.ts'
import type { Digest } from '../../oci/types.ts'
import { isDigest } from '../../oci/digest.ts'
import { isEncrypted } from '../encrypted.ts'
import { buildsOf, plainForms } from '../journal-roles.ts'
import type { ChildEvidence } from '../image-evidence.ts'
import { readClaims } from '../statements.ts'
import { keyLines } from './key-lines.ts'
import type { PinnedIdentities } from './identity-lines.ts'

/** An image that its job admitted and did not build: what the publisher signed, and the policies that admitted it. */
export interface AdmittedImage {
  /** Plain image of each manifest. */
  plain: Digest[]
  policies: Digest[]
}

/** Of images that a job admitted and did not build; null where it built one of them, or admitted none. */
export function admittedImage(
  children: readonly ChildEvidence[],
  events: readonly JournalEvent[],
): AdmittedImage | null {
  const plain: Digest[] = []
  const policies = new Set<Digest>()
  for (const { subject } of children) {
    const { digest } = subject.descriptor
    const encrypted = subject.image !== null && isEncrypted(subject.image)
    const form = encrypted ? plainForms(events, digest, true)[1] : digest
    if (!isDigest(form) || buildsOf(events, digest, encrypted).length > 0) return null
    const found = admissionsOf(events, form).flatMap((event) => policyOf(event) ?? [])
    if (found.length === 0) return null
    plain.push(form)
    for (const policy of found) policies.add(policy)
  }
  return { plain, policies: [...policies].sort() }
}

/** Reads what the publisher's certificates claim of the plain images, so that the new policy pins what stays the same from release to release. */
export async function learnIdentities(
  { plain }: AdmittedImage,
  [child]: readonly ChildEvidence[],
  identities: PinnedIdentities | null,
): Promise<void> {
  if (identities === null || child === undefined) return
  for (const digest of plain) {
    const { claims } = await readClaims(child.subject.store, { ...child.subject.descriptor, digest })
    for (const claim of claims) identities.signed(claim, digest)
  }
}

/**
 * Section `publisher`, and the trusted root of its identities.
 *
 * @param builder id that the publisher's provenance names; null for none
 * @throws InputError `input-missing` where nobody is given whose signature could count
 */
export function publisherLines(
  { policies, plain }: AdmittedImage,
  keys: readonly string[],
  identities: PinnedIdentities | null,
  builder: string | null,
): string[] {
  if (keys.length === 0 && identities === null)
    throw new InputError(
      'input-missing',
      `others built the image (${plain.join(', ')}), and none of their keys is given`,
      {
        subject: 'public-key',
        remedy:
          'Give --public-key of the publisher’s key, or --identity with --issuer and --trusted-root of its certificates.',
      },
    )
  return [
    ...(identities === null ? [] : [identities.rootLine()]),
    'publisher:  # others built the image: who signed it, and the policies by which a job may have admitted it',
    `  verify-policies: ${JSON.stringify(policies)}`,
    ...(keys.length === 0 ? [] : keyLines(keys)).map((line) => `  ${line}`),
    ...(identities?.identityLines() ?? []).map((line) => `  ${line}`),
    // A JSON string is a YAML string: no value can add a line.
    ...(builder === null ? [] : [`  builders: [${JSON.stringify(builder)}]`]),
  ]
}
