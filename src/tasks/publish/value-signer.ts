import { escapePattern, refPattern } from '../../base/ref-pattern.ts'
import type { IdentityRule, TextRule } from '../../bundle/identity.ts'
import type { Plan } from '../../kbs/plan-schema.ts'
import { openReferenceValues } from '../../tee/reference/envelope.ts'
import { parseReferenceValues, type ReferenceValues } from '../../tee/reference/values.ts'
import { pinnedKeys, planFile, type FileContext } from './plan-files.ts'

type Signed = Plan['signed-values'][number]

/** Largest file of each kind, in bytes. */
const limits = { document: 64 << 20, bundle: 16 << 20, root: 4 << 20 } as const

/**
 * The document of an entry of `signed-values`, after one of its signers was found: a pinned key in the envelope around it, or an identity in the
 * Sigstore bundle over the very bytes of the file.
 *
 * @throws VerificationError `signature-invalid` and what `verifyBundle` refuses (`identity-mismatch`, `log-invalid`, `expired`, …), `format-invalid`
 */
export async function openSignedValues(
  { file, keys, keyless }: Signed,
  context: FileContext,
): Promise<ReferenceValues> {
  const bytes = await planFile(context, file, limits.document)
  if (keyless === undefined) return openReferenceValues(bytes, await pinnedKeys(context, keys ?? []), file).document
  const { artifactOf } = await import('../../bundle/artifact.ts')
  const { readBundle } = await import('../../bundle/read.ts')
  const { verifyBundle } = await import('../../bundle/verify.ts')
  const { parseTrustedRoot } = await import('../../sign/trusted-root.ts')
  const { 'trusted-root': path, bundle, identities } = keyless
  verifyBundle(readBundle(await planFile(context, bundle, limits.bundle)), artifactOf(bytes, file), {
    signer: { kind: 'identity', rules: identities.map(ruleOf) },
    root: parseTrustedRoot(await planFile(context, path, limits.root), path),
    // A signature that no log shows may be one of a stolen or wrongly issued certificate.
    entries: 1,
    certificateTimestamps: 1,
    now: context.ports.clock.now(),
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
