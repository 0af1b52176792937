/**
 * Registries and lines as combinations of quirks, after what users reported of them. They stand for the reports, not for the products of today: a
 * preset is a server on which a client must get along, not a statement about a vendor.
 */
export const presets: Readonly<Record<string, { readonly quirks: string; readonly what: string }>> = {
  gitea: { quirks: 'two-challenges,anonymous-pull,no-referrers', what: 'two challenges, no referrers API' },
  ghcr: {
    quirks: 'token,anonymous-pull,no-referrers,wrong-artifact-type',
    what: 'tokens, no referrers API',
  },
  ecr: { quirks: 'basic,oci-subject-lie', what: 'OCI-Subject without the referrers API' },
  gitlab: {
    quirks: 'token-host,no-referrers,dash-tag-subject',
    what: 'a token service of its own, and the fallback tag of an image is the image',
  },
  artifactory: { quirks: 'token,uploads-as-referrer,page=50', what: 'an entry among the referrers that is none' },
  harbor: { quirks: 'token,anonymous-pull,page=100', what: 'pages of 100' },
  acr: { quirks: 'token,cross-origin-redirect,page=100', what: 'blobs of another host, pages of 100' },
  'docker-hub': {
    quirks: 'token-host,anonymous-pull,no-referrers,cross-origin-redirect',
    what: 'token service and blobs on other hosts, no referrers API',
  },
  quay: { quirks: 'token,anonymous-pull,cross-origin-redirect', what: 'blobs of another host' },
  slow: { quirks: 'latency=100,rate=4000000', what: '100 ms a request, 4 MB/s' },
  throttled: { quirks: 'throttle=20', what: 'every twentieth request gets 429' },
  flaky: { quirks: 'errors=7,resets=3', what: 'every seventh request gets 500, every third blob breaks off' },
}
