import { VerificationError } from '../../base/errors.ts'
import { noticeTypes } from '../../statement/notices.ts'
import { readPredicate } from '../../statement/schemas/predicate.ts'
import { predicateTypes, type Statement } from '../../statement/types.ts'
import type { PackageMatch } from './packages.ts'
import type { Period, QueryRow } from './types.ts'

/** What is looked for inside of a statement. */
export interface ContentPlan {
  /** Null where no package is asked for: then no SBOM is parsed. */
  readonly package: ((purl: string) => PackageMatch) | null
}

export type Content = Pick<QueryRow, 'packages' | 'production' | 'notes'>

const sbomMedia = /^(?:application\/(?:spdx\+json|vnd\.cyclonedx\+json|vnd\.syft\+json)|text\/spdx)(?:;|$)/
const sbomTypes = ['https://spdx.dev/Document', 'https://cyclonedx.org/bom', 'https://syft.dev/bom']
/** Matches of one document that are kept. */
const mostPackages = 64

/** Whether a layer holds an SBOM that nobody signed. */
export function isSbomMedia(mediaType: string): boolean {
  return sbomMedia.test(mediaType)
}

/** Whether a predicate is an SBOM; types carry versions behind a slash. */
export function isSbomType(type: string): boolean {
  return sbomTypes.some((one) => type === one || type.startsWith(`${one}/`))
}

/**
 * What a statement says that a query asks for.
 *
 * @param statement null for an SBOM that is no statement
 * @param bytes payload of the statement, or the SBOM
 */
export async function contentOf(statement: Statement | null, bytes: Buffer, plan: ContentPlan): Promise<Content> {
  const isSbom = statement === null || isSbomType(statement.predicateType)
  const content: Content = { packages: null, production: null, notes: [] }
  try {
    if (isSbom && plan.package !== null) return { ...content, ...(await packagesIn(bytes, plan.package)) }
    return statement === null ? content : { ...content, production: productionOf(statement) }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return { ...content, notes: [`cannot be ${isSbom ? 'searched' : 'read'}: ${error.message}`] }
  }
}

async function packagesIn(bytes: Buffer, match: (purl: string) => PackageMatch): Promise<Partial<Content>> {
  const { readSbom } = await import('../../sbom/documents/read.ts')
  const { packages } = await readSbom(bytes, 'the SBOM')
  const purls = new Set(packages.flatMap(({ purl }) => purl ?? []))
  const found = [...purls].map((purl) => ({ purl, is: match(purl) })).filter(({ is }) => is !== 'no')
  const unsure = found.filter(({ is }) => is === 'unknown').map(({ purl }) => purl)
  const notes = [
    ...(unsure.length === 0 ? [] : [`the version cannot be compared, look at it: ${unsure.slice(0, 4).join(' ')}`]),
    ...(found.length > mostPackages ? [`${found.length} packages match; ${mostPackages} are shown`] : []),
  ]
  return {
    packages: found
      .map(({ purl }) => purl)
      .sort()
      .slice(0, mostPackages),
    notes,
  }
}

/**
 * When an image was in production: an archive record states the interval, a promotion record only its beginning, and only where it names an
 * environment. Null for any other statement.
 */
function productionOf({ predicateType, predicate }: Statement): Period | null {
  if (predicateType === noticeTypes.archive) {
    const { from, to } = readPredicate('archive', predicate, 'the archive record').inProduction
    return { from: new Date(from), to: new Date(to) }
  }
  if (predicateType !== predicateTypes.promotion) return null
  const { promotedOn, environment, class: as } = readPredicate('promotion', predicate, 'the promotion record')
  return environment === null || as === 'archive' ? null : { from: new Date(promotedOn), to: null }
}
