import { VerificationError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { attachedBundles, type AttachedBundle, type Unreadable } from '../../bundle/attached.ts'
import { readIdentity } from '../../bundle/identity.ts'
import { verifyBundle, type BundleRules, type ExpectedSigner, type VerifiedBundle } from '../../bundle/verify.ts'
import { resolveImage } from '../../oci/open.ts'
import { predicateTypes } from '../../statement/types.ts'
import type { CommandResult } from '../command.ts'
import { outputsOf } from './judge.ts'
import { refusedBy, remedyOf } from './refusal.ts'

export interface ImageRules extends Omit<BundleRules, 'signer' | 'predicateTypes'> {
  /** Null where the question is who vouches for the image. */
  signer: ExpectedSigner | null
  /** Empty for a signature of the image itself; `any` among them for every statement. */
  types: readonly string[]
  /** The public Sigstore instance counts because no trusted root was named. */
  publicRoot: boolean
}

/** One attached signature and what came of it. */
interface Judged {
  attached: Pick<AttachedBundle, 'manifest' | 'form'>
  /** Null where it does not hold, or not by whom it should be. */
  verified: VerifiedBundle | null
  /** By a public key, while no key is expected: nobody can say whether it holds. */
  hint: string | null
  refusal: VerificationError | null
}

/** Judges what is attached to an image: verified where one signature by the expected signer holds. */
export async function judgeImage(reference: string, rules: ImageRules, ports: Ports): Promise<CommandResult> {
  const { store, descriptor, reference: pinned } = await resolveImage(reference, ports)
  const { bytes } = await store.getManifest(descriptor.digest)
  const judged: Judged[] = []
  const tell = ({ manifest, error }: Unreadable): void => {
    judged.push({ attached: { manifest, form: 'bundle' }, verified: null, hint: null, refusal: error })
  }
  for await (const attached of attachedBundles(store, descriptor, bytes, tell)) judged.push(judgeOne(attached, rules))
  const good = judged.find(({ verified }) => verified !== null)
  const bundles = judged.map(recordOf)
  const lines = linesOf(judged)
  if (rules.signer === null) return listing(pinned, judged, bundles, lines, rules.publicRoot)
  if (good?.verified) {
    const { verified } = good
    return { outputs: { ...outputsOf(verified), image: pinned, bundles }, text: `verified: ${pinned}\n${lines}` }
  }
  return refusedBy(refusalOf(pinned, judged, rules.types), rules.publicRoot, {
    outputs: { image: pinned, bundles },
    lines,
  })
}

function judgeOne(attached: AttachedBundle, { signer, types, ...rules }: ImageRules): Judged {
  const { bundle, artifact } = attached
  const { material } = bundle
  if (signer === null && material.kind === 'key')
    return { attached, verified: null, hint: material.hint, refusal: null }
  try {
    const expected: ExpectedSigner = signer ?? anybody(attached)
    // Without a type: only a statement whose signer is proven may be reported as one of another type by that signer.
    const verified = verifyBundle(bundle, artifact, { ...rules, signer: expected })
    checkType(verified, typesOf(types, signer))
    return {
      attached,
      verified,
      hint: null,
      refusal: null,
    }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return { attached, verified: null, hint: null, refusal: error }
  }
}

function typesOf(types: readonly string[], signer: ExpectedSigner | null): readonly string[] | undefined {
  if (types.includes('any') || (types.length === 0 && signer === null)) return undefined
  return types.length === 0 ? [predicateTypes.sign] : types
}

/**
 * A bundle over the manifest and cosign's `.sig` are by themselves signatures of the image, of statements only one kind is.
 *
 * @throws VerificationError `predicate-mismatch`
 */
function checkType({ statement }: VerifiedBundle, wanted: readonly string[] | undefined): void {
  const type = statement?.predicateType ?? predicateTypes.sign
  if (wanted === undefined || wanted.includes(type)) return
  throw new VerificationError(
    'predicate-mismatch',
    `the statement is of the type ${type}; expected is ${wanted.join(' or ')}`,
    { subject: type, remedy: 'Name the type by --predicate-type if such a statement is enough, or any.' },
  )
}

/** Whom the certificate names, whoever that is. */
function anybody({ bundle: { material } }: AttachedBundle): ExpectedSigner {
  if (material.kind !== 'certificate') throw new TypeError('a key names nobody')
  const { issuer, san } = readIdentity(material.leaf)
  return { kind: 'identity', rules: [{ name: san.value, issuer, san: { exact: san.value }, claims: {} }] }
}

function listing(
  image: string,
  judged: readonly Judged[],
  bundles: JsonObject[],
  lines: string,
  publicRoot: boolean,
): CommandResult {
  const proven = judged.filter(({ verified }) => verified !== null).length
  const message =
    judged.length === 0
      ? 'nothing is attached to the image'
      : `${proven} of ${judged.length} attached signatures hold, but no signer is expected, so nothing is verified`
  const signer = 'Name the signer that you trust: --identity SAN with --issuer URL, or --public-key FILE.'
  const failed = judged.flatMap(({ refusal }) => refusal ?? []).map(({ code }) => remedyOf({ code }, publicRoot))
  const hints = [signer, ...new Set(failed.filter((hint) => hint !== null))]
  const remedy = judged.length === 0 ? 'Sign the image first.' : hints.join(' ')
  const reason = judged.length === 0 ? 'missing-statement' : 'not-checked'
  return {
    outputs: { verified: 'false', reason, message, remedy, image, bundles },
    text: `${image}: ${message}\n${lines}  ${remedy}\n`,
    refused: true,
  }
}

/** The reason of the signature that came closest: one by somebody else says least. */
function refusalOf(image: string, judged: readonly Judged[], types: readonly string[]): VerificationError {
  const refusals = judged.flatMap(({ refusal }) => refusal ?? [])
  const [first] = refusals
  if (first === undefined)
    return new VerificationError('missing-statement', 'nothing is attached to the image', {
      subject: image,
      remedy: 'Sign the image first.',
    })
  const type = refusals.find(({ code }) => code === 'predicate-mismatch')
  if (type !== undefined)
    return new VerificationError(
      'predicate-mismatch',
      types.length === 0
        ? `the signer attested the image, but did not sign it: ${type.message}`
        : `the signer made no statement of the type ${types.join(' or ')} about the image`,
      {
        subject: image,
        remedy: 'If such a statement is enough, name its type by --predicate-type, or any.',
      },
    )
  const others: readonly string[] = ['identity-mismatch', 'key-mismatch', 'signature-invalid']
  return refusals.find(({ code }) => !others.includes(code)) ?? first
}

function recordOf({ attached: { manifest, form }, verified, hint, refusal }: Judged): JsonObject {
  if (verified !== null) return { manifest, form, ...outputsOf(verified) }
  if (refusal === null) return { manifest, form, verified: 'false', reason: 'not-checked', key: hint }
  return { manifest, form, verified: 'false', reason: refusal.code, message: refusal.message }
}

/** What holds first; lines that say the same are counted, and statements of other types by the signer take one line a form. */
function linesOf(judged: readonly Judged[]): string {
  const [good, refused] = [true, false].map((holds) => judged.filter(({ verified }) => (verified !== null) === holds))
  const counts = new Map<string, number>()
  const others = new Map<string, string[]>()
  for (const item of [...(good ?? []), ...(refused ?? [])]) {
    const { form } = item.attached
    const { code, subject } = item.refusal ?? {}
    if (code === 'predicate-mismatch' && subject !== undefined) others.set(form, [...(others.get(form) ?? []), subject])
    else counts.set(lineOf(item), (counts.get(lineOf(item)) ?? 0) + 1)
  }
  const lines = [...counts].map(([line, count]) => `${line}${count === 1 ? '' : ` (${count} times)`}`)
  const apart = [...others].map(([form, types]) => `${form}: not asked for, by the same signer: ${types.join(', ')}`)
  return [...lines, ...apart].map((line) => `  ${line}\n`).join('')
}

function lineOf({ attached: { form }, verified, hint, refusal }: Judged): string {
  if (refusal !== null) return `${form}: ${refusal.code}: ${refusal.message}`
  if (verified === null)
    return `${form}: signed by a public key (${hint === '' ? 'without a hint' : `hint ${hint ?? ''}`}): not checked`
  const { signer, statement, times, entries } = verified
  const who =
    signer.kind === 'key'
      ? `the public key ${signer.hint}`
      : `${signer.identity.san.value} (issuer ${signer.identity.issuer ?? 'not named'})`
  const when = times[0] === undefined ? '' : ` at ${times[0].time.toISOString()}`
  const what = statement === null ? '' : `: ${statement.predicateType}`
  return `${form}: ${who}${when}${what}, log entries: ${entries.length}`
}
