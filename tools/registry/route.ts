/** What a path of the distribution specification asks for. */
export type Route =
  | { readonly kind: 'base' | 'catalog' }
  | {
      readonly kind: 'blob' | 'manifest' | 'referrers' | 'upload'
      readonly repository: string
      readonly reference: string
    }
  | { readonly kind: 'uploads' | 'tags'; readonly repository: string }

const part = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const repository = new RegExp(`^${part}(?:/${part})*$`)
const digests = { sha256: /^sha256:[0-9a-f]{64}$/, sha512: /^sha512:[0-9a-f]{128}$/ } as const
const tag = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/

/** The algorithm of a digest that this registry knows; null for other text. */
export function algorithmOf(text: string): 'sha256' | 'sha512' | null {
  if (digests.sha256.test(text)) return 'sha256'
  return digests.sha512.test(text) ? 'sha512' : null
}

export function isTag(text: string): boolean {
  return tag.test(text)
}

export function isRepository(text: string): boolean {
  return text.length <= 255 && repository.test(text)
}

/** Reads a decoded path; null where the specification knows none such. */
export function routeOf(path: string): Route | null {
  if (path === '/v2/' || path === '/v2') return { kind: 'base' }
  if (path === '/v2/_catalog') return { kind: 'catalog' }
  const found =
    /^\/v2\/(.+)\/(?:(?<tags>tags\/list)|(?<uploads>blobs\/uploads\/?)|(?:(?<kind>blobs\/uploads|blobs|manifests|referrers)\/(?<reference>[^/]+)))$/.exec(
      path,
    )
  const { tags, uploads, kind, reference = '' } = found?.groups ?? {}
  const name = found?.[1] ?? ''
  if (!isRepository(name)) return null
  if (tags !== undefined) return { kind: 'tags', repository: name }
  if (uploads !== undefined) return { kind: 'uploads', repository: name }
  switch (kind) {
    case 'blobs/uploads':
      return { kind: 'upload', repository: name, reference }
    case 'blobs':
      return { kind: 'blob', repository: name, reference }
    case 'manifests':
      return { kind: 'manifest', repository: name, reference }
    default:
      return { kind: 'referrers', repository: name, reference }
  }
}
