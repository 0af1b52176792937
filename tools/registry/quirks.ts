import { presets } from './presets.ts'

/** One way in which registries depart from the specification, or in which lines and stores fail. */
interface Quirk {
  readonly what: string
  /** What the number after `=` means; without it the switch takes none. */
  readonly unit?: string
}

/** All switches of the test registry, in the order of `--help`. */
export const quirkTable = {
  'no-referrers': { what: 'no referrers API: 404, and no OCI-Subject (GHCR, Docker Hub, docker-registry)' },
  'referrers-405': { what: 'the referrers API answers 405, and there is no OCI-Subject' },
  'referrers-empty-200': { what: 'the referrers API answers 200 with an empty list for everything; no OCI-Subject' },
  'referrers-html-200': { what: 'the referrers API answers 200 with a web page; no OCI-Subject' },
  'oci-subject-lie': { what: 'OCI-Subject is sent, although the referrers API answers 404 (ECR)' },
  'manifests-null': { what: 'an empty list of referrers or tags is null' },
  'dash-tag-subject': { what: 'the absent tag sha256-HEX is answered with the manifest sha256:HEX itself (GitLab)' },
  'uploads-as-referrer': { what: 'each list of referrers has an entry "_uploads" without a digest (Artifactory)' },
  'no-filter': { what: 'the artifactType filter of referrers is ignored' },
  'wrong-artifact-type': { what: "listed referrers have their configuration's media type as artifactType (GHCR)" },
  'no-subject': { what: 'manifests with a subject are refused' },
  'pull-through': { what: 'of the children of an index only linux/amd64 is there (caches)' },
  page: { unit: 'entries', what: 'referrers and tags come in pages of this many' },
  'ignore-n': { what: 'the tag list ignores n and last (docker-registry)' },
  'unsorted-tags': { what: 'the tag list is unsorted' },
  'delay-listing': { unit: 'ms', what: 'tags and referrers are listed only after this time' },
  sparse: { what: 'manifests are taken although what they name is missing' },
  'reject-empty-layers': { what: 'manifests without layers are refused' },
  'immutable-tags': { what: 'a tag cannot be moved: 400 TAG_INVALID (ECR)' },
  'max-manifest': { unit: 'bytes', what: 'larger manifests get 413' },
  'accept-strict': { what: 'a manifest whose type Accept does not name is not found (docker-registry)' },
  'no-ifmatch': { what: 'If-Match and If-None-Match are ignored' },
  'digest-lie': { what: 'Docker-Content-Digest of manifests is wrong' },
  'no-head': { what: 'HEAD gets 405' },
  'no-range': { what: 'Range is ignored' },
  'no-mount': { what: 'blobs are never mounted: an upload begins instead' },
  'chunk-min': { unit: 'bytes', what: 'OCI-Chunk-Min-Length is sent and wanted of all chunks but the last' },
  'max-chunk': { unit: 'bytes', what: 'longer upload requests get 413 (proxies)' },
  'absolute-location': { what: 'Location of uploads is absolute' },
  'http-location': { what: 'Location of uploads is absolute and says http, even where TLS is spoken' },
  'session-lost': { what: 'the first upload is forgotten once it was begun' },
  'break-upload': {
    unit: 'N',
    what: 'the connection of every Nth request with upload data breaks after its first bytes',
  },
  truncate: { what: 'blobs end after half of their bytes, with a length that says so' },
  tampered: { what: 'one byte of each blob is changed' },
  resets: { unit: 'N', what: 'the connection breaks in the middle of every Nth blob' },
  errors: { unit: 'N', what: 'every Nth request gets 500' },
  throttle: { unit: 'N', what: 'every Nth request gets 429 with Retry-After' },
  'retry-after': { unit: 's', what: 'Retry-After of throttle (default 1)' },
  latency: { unit: 'ms', what: 'each request is answered only after this time' },
  rate: { unit: 'bytes/s', what: 'blobs are sent no faster' },
  'cross-origin-redirect': {
    what: 'blobs are redirected to another port, which refuses an Authorization header and counts it (/_requests)',
  },
  basic: { what: 'every request wants the name and password, by Basic' },
  token: { what: 'every request wants a Bearer token of the own token service, whose scopes are checked' },
  'token-host': { what: 'the same with a token service on another port' },
  'token-life': { unit: 's', what: 'life of tokens (default 300)' },
  'anonymous-pull': { what: 'the token service gives tokens for pull without login' },
  'two-challenges': { what: 'Bearer and Basic are offered side by side, and both are taken (Gitea)' },
  count: { what: 'prints the numbers of requests to stderr at the end' },
} as const satisfies Record<string, Quirk>

export type QuirkName = keyof typeof quirkTable

/** The switches of one registry. */
export interface Quirks {
  has(name: QuirkName): boolean
  /** The number of a switch; undefined where it is off. */
  value(name: QuirkName): number | undefined
}

/**
 * Reads `name`, `name=number` and names of presets, separated by commas.
 *
 * @throws Error for an unknown name, and for a number that is missing, superfluous or no positive integer
 */
export function parseQuirks(text: string): Quirks {
  const found = new Map<string, number>()
  for (const item of text.split(',').filter((one) => one !== '')) {
    const preset = Object.hasOwn(presets, item) ? presets[item] : undefined
    for (const one of preset === undefined ? [item] : preset.quirks.split(',').filter((name) => name !== ''))
      found.set(...readOne(one))
  }
  return { has: (name) => found.has(name), value: (name) => found.get(name) }
}

function readOne(item: string): [string, number] {
  const [name = '', number, ...rest] = item.split('=')
  if (!Object.hasOwn(quirkTable, name)) throw new Error(`"${name}" is not a quirk or preset: see --help`)
  const { unit }: Quirk = quirkTable[name as QuirkName]
  if (unit === undefined && number !== undefined) throw new Error(`the quirk ${name} takes no number`)
  if (unit !== undefined && (rest.length > 0 || !/^(?:0|[1-9][0-9]{0,14})$/.test(number ?? '')))
    throw new Error(`the quirk ${name} wants a number (${unit}): ${name}=10`)
  return [name, Number(number ?? 1)]
}
