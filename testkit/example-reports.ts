const image = 'a'.repeat(64)

/** One short report of each kind, in the form of its tool: input of the examples in docs/predicates. */
export const exampleReports = {
  grype: JSON.stringify({
    matches: [
      {
        vulnerability: {
          id: 'CVE-2026-0001',
          namespace: 'debian:distro:debian:12',
          severity: 'High',
          cvss: [{ version: '3.1', metrics: { baseScore: 7.5 } }],
          fix: { versions: ['1.2.3-1'], state: 'fixed' },
        },
        relatedVulnerabilities: [{ id: 'GHSA-0000-0000-0001', cvss: [] }],
        artifact: { name: 'libx', version: '1.2.2-1', purl: 'pkg:deb/debian/libx@1.2.2-1' },
      },
    ],
    source: { type: 'image', target: { manifestDigest: `sha256:${image}`, imageID: '', repoDigests: [] } },
    descriptor: {
      name: 'grype',
      version: '0.104.0',
      timestamp: '2026-01-02T03:04:05Z',
      db: {
        status: { schemaVersion: 'v6.1.3', built: '2026-01-01T06:00:00Z', from: 'https://grype.example/db.tar.zst' },
      },
    },
  }),
  openvex: JSON.stringify({
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': 'https://registry.example/vex/1',
    author: 'Example security team',
    timestamp: '2026-01-02T03:04:05Z',
    version: 1,
    statements: [
      {
        vulnerability: { name: 'CVE-2026-0001' },
        products: [
          { '@id': `pkg:oci/app@sha256%3A${image}`, subcomponents: [{ '@id': 'pkg:deb/debian/libx@1.2.2-1' }] },
        ],
        status: 'not_affected',
        justification: 'vulnerable_code_not_in_execute_path',
      },
    ],
  }),
  junit:
    '<testsuites><testsuite name="app" tests="2"><testcase classname="start" name="answers"/>' +
    '<testcase classname="start" name="on Windows"><skipped/></testcase></testsuite></testsuites>',
}
