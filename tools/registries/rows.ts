import { presets } from '../registry/presets.ts'

/** One server (or layout) of the matrix. */
export interface Row {
  readonly name: string
  readonly kind: 'docker' | 'ours' | 'layout'
  /** Quirks and presets of tools/registry. */
  readonly quirks: string
  /** Referrers of strangers that hang on the image before anybody signs it. */
  readonly strangers?: number
  /** Writing comes before the quirks: only reading is tried with them. */
  readonly readOnly?: true
  /** Programs whose result depends on the order of requests that they send at once: not tried. */
  readonly unsteady?: readonly string[]
  /** Takes more than a few seconds: CI leaves it to `npm run registries`. */
  readonly long?: true
  readonly note: string
}

const ours = (name: string, quirks: string, note: string): Row => ({ name, kind: 'ours', quirks, note })

/** Rows on which CI tries the programs of others too; ours it tries on all but the long ones. */
export const othersInCi: readonly string[] = [
  'distribution-spec 1.1',
  'docker-registry 2.8',
  'preset ecr',
  'preset gitlab',
  'preset artifactory',
  'preset docker-hub',
  'one entry a page',
]

/** Referrers of one image that the full run puts there. */
export const manyStrangers = 10_000

export const rows: readonly Row[] = [
  ours('distribution-spec 1.1', '', 'all of it'),
  { name: 'docker-registry 2.8', kind: 'docker', quirks: '', note: 'no referrers API; a program of others' },
  { name: 'OCI layout', kind: 'layout', quirks: '', note: 'a directory' },
  ...Object.entries(presets).map(([name, { what }]) => ({
    ...ours(`preset ${name}`, name, what),
    ...(['slow', 'throttled', 'flaky'].includes(name) ? { long: true as const } : {}),
  })),
  ours('referrers API: 405', 'referrers-405', ''),
  ours('referrers API: 200, always empty', 'referrers-empty-200', ''),
  ours('referrers API: 200, a web page', 'referrers-html-200', ''),
  ours('referrers API: null for an empty list', 'manifests-null', ''),
  ours('referrers API: no filter', 'no-filter', ''),
  ours('referrers API: wrong artifactType', 'wrong-artifact-type', ''),
  ours('one entry a page', 'page=1', 'referrers and tags'),
  { ...ours('10,000 referrers', '', 'of strangers, on the same image'), strangers: manyStrangers, long: true },
  ours('lists lag', 'delay-listing=400', '400 ms until a referrer or tag is listed'),
  ours('no HEAD', 'no-head', '405'),
  ours('no Range, no mount', 'no-range,no-mount', ''),
  ours('absolute Location', 'absolute-location', ''),
  ours('minimum chunks', 'chunk-min=1048576', '1 MiB'),
  { ...ours('upload forgotten once', 'session-lost', ''), unsteady: ['regctl'] },
  ours('strict about Accept', 'accept-strict', ''),
  ours('immutable tags', 'immutable-tags', ''),
  ours('immutable tags, no referrers API', 'immutable-tags,no-referrers', 'the fallback tag can be written once'),
  ours('refuses manifests without layers', 'reject-empty-layers', ''),
  ours('refuses subject', 'no-subject', 'the field is unknown to it'),
  { ...ours('wrong Docker-Content-Digest', 'digest-lie', ''), readOnly: true },
  { ...ours('blobs cut in half', 'truncate', 'the length says so'), readOnly: true, long: true },
  { ...ours('blobs changed', 'tampered', 'one byte'), readOnly: true },
]

/** What an image consists of and what hangs on it, in the order of the page. */
export const carriedParts = {
  image: 'an image',
  index: 'an index with its members',
  'index-referrers': 'referrers of the index',
  'member-referrers': 'referrers of its members',
  'referrer-referrers': 'referrers of referrers',
  'index-tags': 'tags `.sig`, `.att`, `.sbom` of the index',
  'member-tags': 'tags `.sig`, `.att` of its members',
  sha512: 'an image named by SHA-512',
} as const
