import { InputError } from '../../base/errors.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { formatPlatform, samePlatform } from '../../image/platforms.ts'
import { compareSides } from '../../sbom/diff/compare-sides.ts'
import { makeResult, type Part } from '../../sbom/diff/result.ts'
import type { Side } from '../../sbom/diff/types.ts'
import { artifactsOf, type Artifact } from '../../tasks/compare/artifact.ts'
import type { CommandResult } from '../command.ts'
import { artifactFor, sideOf, withComparing, type Comparing } from './comparing.ts'
import { showResult } from './output.ts'
import { readSide, type Named } from './sides.ts'

/** `sbom diff A B`: compares documents, images, or a document with an image. */
export async function sbomDiff(inputs: RawInputs, context: ActionContext): Promise<CommandResult> {
  const [first, second] = [inputs.required('a'), inputs.required('b')]
  const a = await readSide(first, inputs.text('inventory-a'), context.ports, inputs.text('platform'))
  const b = await readSide(second, inputs.text('inventory-b'), context.ports, inputs.text('platform'))
  return withComparing(inputs, context, async (comparing) => {
    const result = makeResult(await comparePair(a, b, comparing))
    return showResult('sbom diff', result, inputs, context)
  })
}

async function comparePair(a: Named, b: Named, comparing: Comparing): Promise<[Part, ...Part[]]> {
  if (a.kind === 'image' && b.kind === 'image') return compareImages(a, b, comparing)
  const [one, other] = [await sideFor(a, b, comparing), await sideFor(b, a, comparing)]
  return [part(one, other, null, comparing)]
}

/** A document as it is; an image, folder, archive or disk image as it is now, in the terms of the document on the other side. */
export async function sideFor(named: Named, other: Named, comparing: Comparing): Promise<Side> {
  if (named.kind === 'documents') return named.side
  const like = other.kind === 'documents' ? other.side.document : null
  if (named.kind === 'subject') return comparing.describeSubject(named.text, named.subject, like)
  const artifact = await artifactFor(named.image, comparing, like?.identity.platform ?? null)
  return sideOf(artifact, await comparing.describe(artifact), like)
}

type NamedImage = Extract<Named, { kind: 'image' }>

/** Images of one platform each are compared as they are; of an index each platform with the same one of the other side. */
async function compareImages(a: NamedImage, b: NamedImage, comparing: Comparing): Promise<[Part, ...Part[]]> {
  const [left, right] = [await artifactsOf(a.image, comparing.platform), await artifactsOf(b.image, comparing.platform)]
  const parts: Part[] = []
  for (const one of left) {
    const other = left.length === 1 && right.length === 1 ? right[0] : right.find((item) => fits(one, item))
    if (other === undefined) throw lacking(a, b, one)
    const before = await sideOf(one, await comparing.describe(one), null)
    const after = await sideOf(other, await comparing.describe(other), null)
    const platform = left.length === 1 || one.platform === null ? null : formatPlatform(one.platform)
    parts.push(part(before, after, platform, comparing))
  }
  const extra = right.find((item) => right.length > 1 && !left.some((one) => fits(one, item)))
  if (extra !== undefined) throw lacking(b, a, extra)
  const [first, ...rest] = parts
  if (first === undefined) throw new InputError('not-found', `"${a.text}" holds no image`, { subject: a.text })
  return [first, ...rest]
}

function fits(a: Artifact, b: Artifact): boolean {
  if (a.platform === null || b.platform === null) return a.platform === b.platform
  return samePlatform(a.platform, b.platform) && (a.platform.variant ?? '') === (b.platform.variant ?? '')
}

function lacking(one: NamedImage, other: NamedImage, { platform }: Artifact): InputError {
  const name = platform === null ? 'an image without a platform' : formatPlatform(platform)
  return new InputError('input-invalid', `"${one.text}" has ${name}, "${other.text}" has not`, {
    subject: 'platform',
    remedy: 'Name a platform that both have with `--platform os/architecture`.',
  })
}

function part(a: Side, b: Side, platform: string | null, { policy }: Comparing): Part {
  return { platform, statement: null, comparison: compareSides(a, b, policy) }
}
