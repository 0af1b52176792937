import { escapePattern, refPattern } from '../../base/ref-pattern.ts'
import type { IdentityRule, TextRule } from '../../bundle/identity.ts'
import type { Plan } from '../../kbs/plan-schema.ts'
import { openReferenceValues } from '../../tee/reference/envelope.ts'
import { parseReferenceValues, type ReferenceValues } from '../../tee/reference/values.ts'

type Signed = Plan['signed-values'][number]

/** Largest file of each kind, in bytes. */
const limits = { document: 64 << 20, key: 64 << 10, bundle: 16 << 20, root: 4 << 20 } as const

/**
 * The document of an entry of `signed-values`, after one of its signers was found: a pinned key in the envelope around it, or an identity in the
 * Sigstore bundle over the very bytes of the file.
 *
 * @param read a file that the plan names, up to a number of bytes
 * @param now nothing in a bundle may be later
 * @throws VerificationError `signature-invalid` and what `verifyBundle` refuses (`identity-mismatch`, `log-invalid`, `expired`, …), `format-invalid`
 */
export async function openSignedValues(
  signed: Signed,
  read: (path: string, limit: number) => Promise<Buffer>,
  now: Date,
): Promise<ReferenceValues> {
  const { file, keys, keyless } = signed
  const bytes = await read(file, limits.document)
  if (keyless === undefined) {
    const pinned: string[] = []
    for (const path of keys ?? []) pinned.push((await read(path, limits.key)).toString('utf8'))
    return openReferenceValues(bytes, pinned, file).document
  }
  const { artifactOf } = await import('../../bundle/artifact.ts')
  const { readBundle } = await import('../../bundle/read.ts')
  const { verifyBundle } = await import('../../bundle/verify.ts')
  const { parseTrustedRoot } = await import('../../sign/trusted-root.ts')
  const { 'trusted-root': path, bundle, identities } = keyless
  verifyBundle(readBundle(await read(bundle, limits.bundle)), artifactOf(bytes, file), {
    signer: { kind: 'identity', rules: identities.map(ruleOf) },
    root: parseTrustedRoot(await read(path, limits.root), path),
    // A signature that no log shows may be one of a stolen or wrongly issued certificate.
    entries: 1,
    certificateTimestamps: 1,
    now,
  })
  return parseReferenceValues(bytes, file)
}

/** `*` stands for any part of one segment, behind the `@` of a workflow alone: a name is never a pattern. */
function ruleOf({ issuer, san }: { issuer: string; san: string }): IdentityRule {
  const at = san.indexOf('@')
  const ref = san.slice(at + 1)
  const exact: TextRule = { exact: san }
  if (at === -1 || !ref.startsWith('refs/') || !ref.includes('*')) return { name: san, issuer, san: exact, claims: {} }
  const pattern = new RegExp(`^${escapePattern(san.slice(0, at))}@${refPattern(ref).source.slice(1)}`, 'u')
  return { name: san, issuer, san: { pattern, source: san }, claims: {} }
}
