import type { DocumentSeed } from './types.ts'

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`

/** Documents of the tools whose own formats are read, and the envelopes around documents: one small one each. */
export function foreignDocuments(): DocumentSeed[] {
  const cyclonedx = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    components: [{ type: 'library', name: 'x', version: '1' }],
  }
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'image', digest: { sha256: '1'.repeat(64) } }],
    predicateType: 'https://cyclonedx.org/bom',
    predicate: cyclonedx,
  }
  const dsse = {
    payloadType: 'application/vnd.in-toto+json',
    payload: Buffer.from(JSON.stringify(statement)).toString('base64'),
    signatures: [{ sig: 'AAAA' }],
  }
  const bundle = {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: {},
    dsseEnvelope: dsse,
  }
  const all = { syft, trivy, github, cyclonedx, statement, dsse, bundle }
  return Object.entries(all).map(([name, value]) => {
    return { kind: 'document', name: `built ${name}`, content: Buffer.from(JSON.stringify(value)) }
  })
}

const syft = {
  artifacts: [
    {
      id: 'a1',
      name: 'apt',
      version: '2.6',
      type: 'deb',
      foundBy: 'dpkg-db-cataloger',
      locations: [{ path: '/var/lib/dpkg/status', layerID: digest('1') }],
      licenses: [{ value: 'GPL-2.0-only', spdxExpression: 'GPL-2.0-only', type: 'declared' }],
      purl: 'pkg:deb/debian/apt@2.6?arch=amd64',
      cpes: [{ cpe: 'cpe:2.3:a:apt:apt:2.6:*:*:*:*:*:*:*' }],
    },
    { id: 'a2', name: 'libc6', version: 'UNKNOWN', type: 'deb', purl: '', licenses: ['MIT'] },
  ],
  artifactRelationships: [{ parent: 'a2', child: 'a1', type: 'dependency-of' }],
  files: [{ id: 'f1', location: { path: '/etc/x' }, digests: [{ algorithm: 'sha256', value: '2'.repeat(64) }] }],
  source: { id: 's', name: 'image', version: '1', type: 'image', metadata: { manifestDigest: digest('3') } },
  distro: { id: 'debian', versionID: '12', prettyName: 'Debian' },
  descriptor: { name: 'syft', version: '1.52.0', configuration: {} },
  schema: { version: '16.0.0', url: 'https://example.org' },
}

const trivy = {
  SchemaVersion: 2,
  CreatedAt: '2026-01-01T00:00:00Z',
  ArtifactName: 'image',
  ArtifactType: 'container_image',
  Metadata: { OS: { Family: 'debian', Name: '12' }, ImageID: digest('4'), DiffIDs: [digest('5')] },
  Results: [
    {
      Target: 'image (debian 12)',
      Class: 'os-pkgs',
      Type: 'debian',
      Packages: [
        {
          ID: 'apt@2.6',
          Name: 'apt',
          Version: '2.6',
          Identifier: { PURL: 'pkg:deb/debian/apt@2.6' },
          Licenses: ['GPL-2.0-only'],
          DependsOn: ['libc6@2'],
        },
        { ID: 'libc6@2', Name: 'libc6', Version: '2', SrcName: 'glibc' },
      ],
    },
  ],
}

const github = {
  version: 0,
  sha: '1'.repeat(40),
  ref: 'refs/heads/main',
  job: { correlator: 'c', id: '1' },
  detector: { name: 'd', version: '1', url: 'https://example.org' },
  scanned: '2026-01-01T00:00:00Z',
  manifests: {
    'package-lock.json': {
      name: 'package-lock.json',
      file: { source_location: 'package-lock.json' },
      resolved: {
        left: { package_url: 'pkg:npm/left@1.0.0', relationship: 'direct', scope: 'runtime', dependencies: ['right'] },
        right: { package_url: 'pkg:npm/right@2.0.0', relationship: 'indirect', scope: 'development' },
      },
    },
  },
}
