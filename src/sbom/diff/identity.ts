import { samePlatform } from '../../image/platforms.ts'
import type { Platform } from '../../oci/types.ts'
import type { DocumentIdentity, SbomDocument } from '../documents/model.ts'
import { weights } from './change-list.ts'
import { addChange, engineText, leaveOut, silent, type Context } from './context.ts'
import type { Facts } from './types.ts'

/** Whether both sides are about the same thing. `platform`: they are about two platforms, and no further level says anything. */
export type SameSubject = 'same' | 'other' | 'unknown' | 'platform'

/**
 * Level L0: is this the same image? Configuration and diff ids decide, which recompression and encryption leave as they are; a manifest
 * digest decides only where nothing better is known.
 */
export function compareIdentity(context: Context): SameSubject {
  const [a, b] = [context.a.document, context.b.document]
  if (a === null || b === null) return 'unknown'
  compareTools(context, a, b)
  if (otherPlatform(context, a.identity, b.identity)) return 'platform'
  const config = compareDigest(context, 'config-digest', a.identity.configDigest, b.identity.configDigest)
  const layers = compareLayers(context, a.identity, b.identity)
  const manifest = compareManifest(context, a.identity, b.identity, config)
  const checksums = config ?? layers ?? manifest ?? compareChecksums(context, a.identity, b.identity)
  if (checksums === null) {
    leaveOut(context, 'identity', 'subject', 'the sides share no digest of what they describe')
    return 'unknown'
  }
  return [config, layers, checksums].includes(false) || (config === null && manifest === false) ? 'other' : 'same'
}

function compareTools(context: Context, a: SbomDocument, b: SbomDocument): void {
  if (context.engines.same) return
  const facts = (document: SbomDocument): Facts => ({
    tool: engineText(document) ?? 'not stated',
    ...(document.catalogers === null ? {} : { catalogers: document.catalogers }),
  })
  addChange(
    context,
    {
      level: 'identity',
      op: 'changed',
      key: 'tool',
      before: facts(a),
      after: facts(b),
      cause: 'tooling',
      reason: 'the documents were made by different engines or with different catalogers',
    },
    weights.rest,
  )
}

/** The policy has no word in this: what was found on one platform says nothing of another. */
function otherPlatform({ list, notes }: Context, a: DocumentIdentity, b: DocumentIdentity): boolean {
  if (a.platform === null || b.platform === null || equalPlatforms(a.platform, b.platform)) return false
  const [level, cause, severity] = ['identity', 'content', 'fail'] as const
  const change = { level, op: 'changed', key: 'platform', cause, severity } as const
  const reason = 'these are two platforms; compare each platform with its own document'
  list.add({ ...change, before: { platform: a.platform }, after: { platform: b.platform }, reason }, weights.subject)
  notes.push('The sides describe two platforms, so that no other level was compared.')
  return true
}

function equalPlatforms(a: string, b: string): boolean {
  const parse = (text: string): Platform => {
    const [os = '', architecture = ''] = text.split('/')
    return { os, architecture }
  }
  const variant = (text: string): string => text.split('/')[2] ?? ''
  const sameVariant = variant(a) === variant(b) || variant(a) === '' || variant(b) === ''
  return samePlatform(parse(a), parse(b)) && sameVariant
}

function compareDigest(context: Context, key: string, a: string | null, b: string | null): boolean | null {
  if (a === null || b === null) {
    const why = silent(a !== null, b !== null)
    if (why !== null && a !== b) leaveOut(context, 'identity', key, why)
    return null
  }
  if (a === b) return true
  const reason =
    key === 'config-digest'
      ? 'the sides describe images with different configurations'
      : 'the sides describe different manifests'
  addChange(context, { ...changed(key, { digest: a }, { digest: b }), reason }, weights.subject)
  return false
}

function compareLayers(context: Context, a: DocumentIdentity, b: DocumentIdentity): boolean | null {
  if (a.diffIds.length === 0 || b.diffIds.length === 0) return null
  if (a.diffIds.join() === b.diffIds.join()) return true
  const common = a.diffIds.findIndex((id, i) => id !== b.diffIds[i])
  const from = common === -1 ? a.diffIds.length : common
  const facts = ({ diffIds }: DocumentIdentity): Facts => ({ layers: diffIds.length, 'diff-ids': diffIds.slice(from) })
  const reason = `the layers differ from number ${from + 1} on`
  addChange(context, { ...changed('layers', facts(a), facts(b)), reason }, weights.subject)
  return false
}

function compareManifest(
  context: Context,
  a: DocumentIdentity,
  b: DocumentIdentity,
  config: boolean | null,
): boolean | null {
  const [one, other] = [a.manifestDigest, b.manifestDigest]
  if (one === null || other === null || config === null) return compareDigest(context, 'manifest-digest', one, other)
  if (one !== other && config) {
    context.notes.push(
      'The manifests differ, the configuration does not: the image was pushed in another form (compressed in another way, encrypted, or copied).',
    )
  }
  return one === other
}

/**
 * For what has no manifest: a file, a model, a source tree. Of an image tools give a checksum of the manifest or of the configuration: one that
 * is neither says nothing.
 */
function compareChecksums(context: Context, a: DocumentIdentity, b: DocumentIdentity): boolean | null {
  const isImage = (side: DocumentIdentity): boolean => side.configDigest !== null || side.manifestDigest !== null
  if (isImage(a) || isImage(b)) return names(a, b) || names(b, a) ? true : null
  let equal: boolean | null = null
  for (const { algorithm, value } of a.checksums) {
    const other = b.checksums.find((checksum) => checksum.algorithm === algorithm)
    if (other === undefined) continue
    equal = (equal ?? true) && other.value === value
    if (other.value === value) continue
    const reason = 'the sides describe different subjects'
    addChange(context, { ...changed(algorithm, { value }, { value: other.value }), reason }, weights.subject)
  }
  return equal
}

/** Whether a checksum of one side is a digest of the other. */
function names({ checksums }: DocumentIdentity, { configDigest, manifestDigest }: DocumentIdentity): boolean {
  return checksums.some(({ value }) => [configDigest, manifestDigest].includes(`sha256:${value}`))
}

function changed(
  key: string,
  before: Facts,
  after: Facts,
): {
  level: 'identity'
  op: 'changed'
  key: string
  before: Facts
  after: Facts
  cause: 'content'
} {
  return { level: 'identity', op: 'changed', key, before, after, cause: 'content' }
}
