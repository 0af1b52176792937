/** Reports in the forms of their tools, made by format; the digest is that of the image they are about. */

export function grype(about: string, severities: readonly string[], timestamp = '2026-11-01T10:00:00Z'): object {
  return {
    matches: severities.map((severity, i) => ({
      vulnerability: {
        id: `CVE-2026-000${i}`,
        namespace: 'debian:distro:debian:12',
        severity,
        cvss: [{ version: '3.1', metrics: { baseScore: 7.5 } }],
        fix: { versions: ['1.2.3-1'], state: 'fixed' },
      },
      relatedVulnerabilities: [{ id: `GHSA-0000-000${i}`, cvss: [] }],
      artifact: { name: 'libx', version: '1.0', purl: `pkg:deb/debian/libx${i}@1.0` },
    })),
    ignoredMatches: [{ vulnerability: { id: 'CVE-1' } }],
    source: { type: 'image', target: { manifestDigest: about, imageID: `sha256:${'9'.repeat(64)}`, repoDigests: [] } },
    descriptor: {
      name: 'grype',
      version: '0.104.0',
      timestamp,
      db: {
        status: { schemaVersion: 'v6.1.3', built: '2026-10-31T06:00:00Z', from: 'https://grype.example/db.tar.zst' },
      },
    },
  }
}

export function trivy(about: string): object {
  return {
    SchemaVersion: 2,
    CreatedAt: '2026-11-01T10:00:00.123456789+02:00',
    ArtifactName: 'app',
    Metadata: { ImageID: about, RepoDigests: [`host.example/app@${about}`] },
    Results: [
      { Target: 'app (debian 12)', Class: 'os-pkgs' },
      {
        Target: 'Node.js',
        Vulnerabilities: [
          {
            VulnerabilityID: 'CVE-2026-2',
            PkgName: 'left-pad',
            InstalledVersion: '1.0.0',
            FixedVersion: '1.0.1, 2.0.0',
            Severity: 'CRITICAL',
            SeveritySource: 'ghsa',
            PkgIdentifier: { PURL: 'pkg:npm/left-pad@1.0.0' },
            CVSS: { nvd: { V3Score: 9.8 }, ghsa: { V3Score: 9.1 } },
          },
          { VulnerabilityID: 'CVE-2026-1', PkgName: 'odd', InstalledVersion: '2', Severity: 'UNKNOWN' },
        ],
      },
    ],
  }
}

export function sarif(change: (run: Record<string, unknown>) => void = () => {}): object {
  const run: Record<string, unknown> = {
    tool: {
      driver: {
        name: 'Linter',
        semanticVersion: '4.5.6',
        informationUri: 'https://linter.example',
        rules: [
          { id: 'R1', properties: { 'security-severity': '8.1' } },
          { id: 'R2', defaultConfiguration: { level: 'error' } },
        ],
      },
    },
    invocations: [
      { executionSuccessful: true, startTimeUtc: '2026-11-01T09:59:00Z', endTimeUtc: '2026-11-01T10:00:00Z' },
    ],
    results: [
      { ruleId: 'R1', ruleIndex: 0, locations: [{ physicalLocation: { artifactLocation: { uri: 'src/a.c' } } }] },
      { ruleId: 'R2' },
      { ruleId: 'R3', suppressions: [{ kind: 'external', status: 'accepted' }] },
      { ruleId: 'R4', kind: 'pass' },
      { ruleId: 'R5', level: 'note' },
    ],
  }
  change(run)
  return { version: '2.1.0', $schema: 'https://json.schemastore.org/sarif-2.1.0.json', runs: [run] }
}

export function openvex(
  about: string,
  statements: readonly { id: string; status: string; part?: string }[],
  timestamp = '2026-11-01T10:00:00Z',
): object {
  return {
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': 'https://vex.example/1',
    author: 'Example',
    timestamp,
    version: 1,
    statements: statements.map(({ id, status, part }) => ({
      vulnerability: { name: id },
      products: [
        {
          '@id': `pkg:oci/app@${about.replace(':', '%3A')}`,
          ...(part === undefined ? {} : { subcomponents: [{ '@id': part }] }),
        },
      ],
      status,
      ...(status === 'not_affected' ? { justification: 'vulnerable_code_not_present' } : {}),
    })),
  }
}

export function cyclonedxVex(states: readonly (string | null)[]): object {
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: 'urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79',
    metadata: { timestamp: '2026-11-01T10:00:00Z', supplier: { name: 'Example' } },
    vulnerabilities: states.map((state, i) => ({
      id: `CVE-2026-000${i}`,
      affects: [{ ref: `pkg:deb/debian/libx${i}@1.0` }],
      ...(state === null ? {} : { analysis: { state, justification: 'code_not_reachable', detail: 'why' } }),
    })),
  }
}

export const bytesOf = (document: object): Buffer => Buffer.from(JSON.stringify(document))
