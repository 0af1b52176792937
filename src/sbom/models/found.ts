import { emptyPackage, homepageOf } from '../found.ts'
import { spdxExpression } from '../licence.ts'
import type { FoundPackage, Gap } from '../model.ts'
import { formatPurl } from '../purl.ts'

export interface ModelFacts {
  cataloger: string
  name: string
  version: string
  licence: string
  /** Where it comes from, as its own metadata says. */
  url: string
  locations: string[]
  properties: readonly (readonly [name: string, value: string | number | null])[]
}

/** A model as a package. It has a package URL of Hugging Face only where its metadata names the repository. */
export function modelPackage({
  cataloger,
  name,
  version,
  licence,
  url,
  locations,
  properties,
}: ModelFacts): FoundPackage {
  const [, owner, repository] = /^https:\/\/huggingface\.co\/([\w.-]{1,100})\/([\w.-]{1,100})\/?$/.exec(url) ?? []
  const expression = spdxExpression(licence)
  return {
    ...emptyPackage('model', cataloger),
    name,
    version: version || null,
    purl:
      repository === undefined
        ? formatPurl({ type: 'generic', name, version: version || undefined })
        : formatPurl({ type: 'huggingface', namespace: owner, name: repository, version: version || undefined }),
    licence: expression,
    licenceText: expression === null && licence !== '' ? licence : null,
    homepage: homepageOf(url),
    locations,
    properties: properties.flatMap(([key, value]) =>
      value === null || value === '' ? [] : [[`model:${key}`, String(value)]],
    ),
  }
}

/** A gap for a model whose file cannot hold what its header describes: the facts of the header are then of another file. */
export function shortModel(path: string, { short }: { short: string | null }): Gap[] {
  return short === null ? [] : [{ path, kind: 'model', reason: 'unreadable', why: short }]
}

/** `models/tiny-Q4.gguf` is called `tiny-Q4`. */
export function stemOf(path: string): string {
  const base = path.slice(path.lastIndexOf('/') + 1)
  const dot = base.lastIndexOf('.')
  return dot > 0 ? base.slice(0, dot) : base
}
