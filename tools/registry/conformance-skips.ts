/** Cases of the conformance suite that may be skipped, with the reason, by run. A skipped case that is not named here fails the test. */
export const accepted: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'other spellings of what is allowed': {
    'OCI Conformance Test/artifacts-with-subject/referrers': 'no-filter: a registry need not filter',
    'OCI Conformance Test/index-with-subject/referrers': 'no-filter: a registry need not filter',
    'OCI Conformance Test/missing-subject/referrers': 'no-filter: a registry need not filter',
    'OCI Conformance Test/sha256 blobs/mount/blob-mount': 'no-mount: a registry may begin an upload instead',
    'OCI Conformance Test/sha512 blobs/mount/blob-mount': 'no-mount: a registry may begin an upload instead',
    'OCI Conformance Test/sha256 blobs/mount anonymous/blob-mount-anonymous': 'no-mount: an upload begins instead',
    'OCI Conformance Test/sha512 blobs/mount anonymous/blob-mount-anonymous': 'no-mount: an upload begins instead',
  },
}
