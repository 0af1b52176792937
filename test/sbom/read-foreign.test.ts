import { readFileSync } from 'node:fs'
import { readSbom } from '../../src/sbom/documents/read.ts'
import type { SbomDocument } from '../../src/sbom/documents/model.ts'
import { vector, withPeers } from '../../testkit/peers.ts'

const read = (value: unknown): Promise<SbomDocument> =>
  readSbom(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), 'test')
const digest = (digit: string): string => `sha256:${digit.repeat(64)}`
const cyclonedx = {
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  components: [{ type: 'library', name: 'x', version: '1' }],
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
      licenses: [
        { value: 'GPL-2.0-only', spdxExpression: 'GPL-2.0-only', type: 'declared' },
        { value: 'own words', spdxExpression: '' },
      ],
      purl: 'pkg:deb/debian/apt@2.6?distro=debian-12&arch=amd64',
      cpes: [{ cpe: 'cpe:2.3:a:apt:apt:2.6:*:*:*:*:*:*:*' }],
    },
    { id: 'a2', name: 'libc6', version: 'UNKNOWN', type: 'deb', purl: '', licenses: ['MIT'] },
  ],
  artifactRelationships: [
    { parent: 'a2', child: 'a1', type: 'dependency-of' },
    { parent: 's', child: 'a1', type: 'contains' },
    { parent: 'a1', child: 'f1', type: 'evident-by' },
  ],
  files: [
    { id: 'f1', location: { path: '/var/lib/dpkg/status' }, digests: [{ algorithm: 'sha256', value: '2'.repeat(64) }] },
  ],
  source: {
    id: 's',
    name: 'debian',
    version: digest('3'),
    type: 'image',
    metadata: {
      imageID: digest('4'),
      manifestDigest: digest('3'),
      os: 'linux',
      architecture: 'amd64',
      layers: [{ digest: digest('5') }],
    },
  },
  distro: { id: 'debian', versionID: '12' },
  descriptor: {
    name: 'syft',
    version: '1.52.0',
    configuration: { catalogers: { used: ['rpm-db-cataloger', 'dpkg-db-cataloger'] } },
  },
  schema: { version: '16.1.10', url: 'https://example.org' },
}

test("syft's JSON", async () => {
  const document = await read(syft)
  expect(document).toMatchObject({
    format: 'syft-json',
    formatVersion: '16.1.10',
    engine: { name: 'syft', version: '1.52.0' },
    catalogers: ['dpkg-db-cataloger', 'rpm-db-cataloger'],
    identity: {
      manifestDigest: digest('3'),
      configDigest: digest('4'),
      diffIds: [digest('5')],
      platform: 'linux/amd64',
      type: 'container',
    },
    files: [{ path: 'var/lib/dpkg/status', checksums: [{ algorithm: 'SHA-256', value: '2'.repeat(64) }] }],
    packages: [
      {
        name: 'apt',
        type: 'deb',
        purl: 'pkg:deb/debian/apt@2.6?arch=amd64&distro=debian-12',
        licence: 'GPL-2.0-only',
        licenceText: 'own words',
        locations: ['var/lib/dpkg/status'],
      },
      { name: 'libc6', version: null, purl: null, licence: 'MIT' },
    ],
    relationships: [
      { from: 'a1', type: 'depends-on', to: 'a2' },
      { from: 's', type: 'contains', to: 'a1' },
      { from: 'a1', type: 'other', to: 'f1', detail: 'evident-by' },
    ],
  })
})

test("Trivy's JSON; without its list of packages it says that it is incomplete", async () => {
  const trivy = {
    SchemaVersion: 2,
    ArtifactName: 'alpine:3.20',
    ArtifactType: 'container_image',
    CreatedAt: '2026-01-02T03:04:05.678Z',
    Metadata: {
      OS: { Family: 'alpine', Name: '3.20' },
      ImageID: digest('1'),
      DiffIDs: [digest('2')],
      RepoDigests: [`alpine@${digest('3')}`],
      ImageConfig: { architecture: 'amd64', os: 'linux' },
    },
    Results: [
      {
        Target: 'alpine:3.20',
        Class: 'os-pkgs',
        Type: 'alpine',
        Packages: [
          {
            ID: 'musl@1.2',
            Name: 'musl',
            Version: '1.2',
            Release: 'r0',
            Licenses: ['MIT'],
            Identifier: { PURL: 'pkg:apk/alpine/musl@1.2-r0' },
          },
          { ID: 'zlib@1', Name: 'zlib', Version: '1', Epoch: 2, DependsOn: ['musl@1.2'], Licenses: ['Zlib', 'own'] },
        ],
      },
      { Target: 'app/go.mod', Class: 'lang-pkgs', Type: 'gomod', Packages: [{ Name: 'x', Version: '1', Dev: true }] },
    ],
  }
  const document = await read(trivy)
  expect(document).toMatchObject({
    format: 'trivy-json',
    created: 1767323045,
    completeness: 'unknown',
    identity: {
      configDigest: digest('1'),
      diffIds: [digest('2')],
      manifestDigest: digest('3'),
      platform: 'linux/amd64',
    },
    packages: [
      { name: 'musl', version: '1.2-r0', type: 'apk', licence: 'MIT', locations: [] },
      { name: 'zlib', version: '2:1', type: 'alpine', licenceText: 'Zlib, own' },
      { name: 'x', scope: 'development', locations: ['app/go.mod'] },
    ],
  })
  expect(document.relationships).toContainEqual({
    from: 'alpine:3.20#zlib@1',
    type: 'depends-on',
    to: 'alpine:3.20#musl@1.2',
  })
  expect(await read({ ...trivy, Results: [{ Target: 'x' }] })).toMatchObject({
    packages: [],
    completeness: 'incomplete',
  })
})

test("GitHub's dependency snapshot", async () => {
  const document = await read({
    version: 0,
    sha: 'abc',
    ref: 'refs/heads/main',
    job: { correlator: 'x', id: '1' },
    detector: { name: 'det', version: '1', url: 'https://example.org' },
    scanned: '2026-01-02T03:04:05Z',
    manifests: {
      lock: {
        name: 'package-lock.json',
        file: { source_location: 'web/package-lock.json' },
        resolved: {
          a: { package_url: 'pkg:npm/%40s/a@1.0.0', relationship: 'direct', scope: 'runtime', dependencies: ['b'] },
          b: { package_url: 'pkg:npm/b@2.0.0', relationship: 'indirect', scope: 'development' },
        },
      },
    },
  })
  expect(document).toMatchObject({
    format: 'github-json',
    lifecycle: 'source',
    packages: [
      { name: '@s/a', version: '1.0.0', scope: 'required', locations: ['web/package-lock.json'] },
      { name: 'b', version: '2.0.0', scope: 'development' },
    ],
  })
  expect(document.relationships).toEqual([
    { from: 'snapshot', type: 'contains', to: 'lock#a' },
    { from: 'snapshot', type: 'depends-on', to: 'lock#a' },
    { from: 'lock#a', type: 'depends-on', to: 'lock#b' },
    { from: 'snapshot', type: 'contains', to: 'lock#b' },
  ])
})

withPeers(['vectors:sbom'], 'SPDX tag-value and JSON of the specification are one document', async () => {
  const [json, tags] = await Promise.all(
    ['spec-SPDXJSONExample-v2.3.spdx.json', 'spec-SPDXTagExample-v2.3.spdx'].map((file) =>
      readSbom(readFileSync(vector(`sbom/spdx/2.3/${file}`)), file),
    ),
  )
  const shape = (document: SbomDocument | undefined): unknown => ({
    authors: document?.authors,
    tools: document?.tools,
    packages: document?.packages
      .map(({ id, name, version, licence, checksums, purl, supplier }) => ({
        id,
        name,
        version,
        licence,
        checksums,
        purl,
        supplier,
      }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    files: document?.files?.map(({ id, path }) => `${id} ${path}`).sort(),
  })
  expect(tags?.format).toBe('spdx-tag-value')
  expect(tags?.packages.length).toBeGreaterThan(2)
  expect(shape(tags)).toEqual(shape(json))
})

describe('envelopes', () => {
  const spdx = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: 'sbom',
    documentNamespace: 'https://docker.com/docker-scout/fs/x',
    creationInfo: {
      created: '2026-01-02T03:04:05Z',
      creators: ['Organization: Anchore, Inc', 'Tool: syft-v1.2.0', 'Tool: buildkit-v0.20.0'],
    },
    packages: [
      {
        SPDXID: 'SPDXRef-DocumentRoot-Directory-sbom',
        name: 'sbom',
        downloadLocation: 'NOASSERTION',
        primaryPackagePurpose: 'FILE',
      },
      {
        SPDXID: 'SPDXRef-Package-deb-apt',
        name: 'apt',
        versionInfo: '2.6',
        downloadLocation: 'NOASSERTION',
        supplier: 'Organization: APT Development Team <deity@lists.debian.org>',
        sourceInfo: 'acquired package info from DPKG DB: /var/lib/dpkg/status, /usr/share/doc/apt/copyright',
        externalRefs: [
          { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: 'pkg:deb/debian/apt@2.6' },
        ],
      },
    ],
    relationships: [
      {
        spdxElementId: 'SPDXRef-DOCUMENT',
        relationshipType: 'DESCRIBES',
        relatedSpdxElement: 'SPDXRef-DocumentRoot-Directory-sbom',
      },
      {
        spdxElementId: 'SPDXRef-Package-deb-apt',
        relationshipType: 'CONTAINED_BY',
        relatedSpdxElement: 'SPDXRef-DocumentRoot-Directory-sbom',
      },
    ],
  }
  const statement = (predicate: unknown, predicateType = 'https://spdx.dev/Document'): object => ({
    _type: 'https://in-toto.io/Statement/v0.1',
    predicateType,
    subject: [{ name: 'pkg:docker/x@1', digest: { sha256: '9'.repeat(64) } }],
    predicate,
  })
  const payload = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64')

  test.each<[string, unknown]>([
    ["BuildKit's attestation", statement(spdx)],
    [
      'a DSSE envelope',
      { payloadType: 'application/vnd.in-toto+json', payload: payload(statement(spdx)), signatures: [] },
    ],
    [
      'a Sigstore bundle',
      {
        mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
        dsseEnvelope: {
          payloadType: 'application/vnd.in-toto+json',
          payload: payload(statement(spdx)),
          signatures: [],
        },
      },
    ],
    ['a predicate that is a text', statement(JSON.stringify(spdx))],
    ["cosign's older form", statement({ Data: spdx, Timestamp: '' })],
  ])('%s is opened, and the subject is the identity', async (_what, value) => {
    expect(await read(value)).toMatchObject({
      format: 'spdx-json',
      engine: { name: 'syft', version: 'v1.2.0' },
      authors: [{ kind: 'organization', name: 'Anchore, Inc' }],
      identity: { id: 'SPDXRef-DocumentRoot-Directory-sbom', manifestDigest: digest('9') },
      packages: [{ name: 'apt', locations: ['usr/share/doc/apt/copyright', 'var/lib/dpkg/status'] }],
      relationships: [{ from: 'SPDXRef-DocumentRoot-Directory-sbom', type: 'contains', to: 'SPDXRef-Package-deb-apt' }],
    })
  })

  test.each<[string, unknown]>([
    ['a statement of another type', statement({}, 'https://slsa.dev/provenance/v1')],
    ['a statement without predicate', statement(undefined)],
    ['a payload that is no JSON', { payloadType: 'application/vnd.in-toto+json', payload: 'AAAA' }],
  ])('%s is refused', async (_what, value) => {
    await expect(read(value)).rejects.toMatchObject({ code: 'format-invalid' })
  })
})

test.each<[string, string, RegExp]>([
  ['nothing', '', /found an empty file/],
  ['XML', '<?xml version="1.0"?><bom/>', /found XML/],
  ['a list', '[]', /found a JSON list/],
  ['an object of another kind', '{"a":1}', /found a JSON object with the members a/],
  ['half a document', '{"bomFormat":"CycloneDX",', /is not valid JSON/],
  [
    'a version to come',
    JSON.stringify({ ...cyclonedx, specVersion: '9.9' }),
    /specVersion is "9.9"; CycloneDX 1.2 to 1.7 are read/,
  ],
  ['no version', JSON.stringify({ bomFormat: 'CycloneDX' }), /specVersion is missing/],
  ['an older SPDX', '{"spdxVersion":"SPDX-2.1"}', /SPDX-2.2, SPDX-2.3 and SPDX 3.0.1 are read/],
  [
    'a component without a name',
    JSON.stringify({ ...cyclonedx, components: [{ type: 'library' }] }),
    /at \/components\/0: the member "name" is missing/,
  ],
  ['a member twice', '{"bomFormat":"CycloneDX","specVersion":"1.6","specVersion":"1.5"}', /"specVersion" stands twice/],
  ['deep nesting', `{"a":${'['.repeat(400)}${']'.repeat(400)}}`, /nests deeper/],
  ['syft without names', JSON.stringify({ ...syft, artifacts: [{ id: 'x' }] }), /at artifacts\.0\.name/],
  ['a line of tag-value that is none', 'SPDXVersion: SPDX-2.3\nrubbish\n', /line 2: "rubbish" is not/],
  ['an unknown tag', 'SPDXVersion: SPDX-2.3\nNoTag: x\n', /line 2: "NoTag" is not a tag/],
  ['text without end', 'SPDXVersion: SPDX-2.3\nDocumentComment: <text>x\n', /has no end/],
  [
    'tag-value that lacks what it must have',
    'SPDXVersion: SPDX-2.3\nSPDXID: SPDXRef-DOCUMENT\n',
    /is not valid spdx-2.3/,
  ],
])('%s is refused with the place', async (_what, text, message) => {
  const error = await read(text).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: 'format-invalid', message: expect.stringMatching(message) })
})

test('bytes that are not UTF-8 are refused', async () => {
  await expect(readSbom(Buffer.from([0x7b, 0xff]), 'test')).rejects.toMatchObject({ code: 'format-invalid' })
})

test('Trivy and syft as CycloneDX: identity, places and files', async () => {
  const document = await read({
    ...cyclonedx,
    metadata: {
      tools: [{ vendor: 'aquasecurity', name: 'trivy', version: '0.60' }],
      component: {
        type: 'container',
        'bom-ref': 'r',
        name: 'x',
        purl: `pkg:oci/x@sha256%3A${'7'.repeat(64)}?arch=amd64`,
        properties: [
          { name: 'aquasecurity:trivy:ImageID', value: digest('1') },
          { name: 'aquasecurity:trivy:DiffID', value: digest('2') },
          { name: 'aquasecurity:trivy:RepoDigest', value: `x@${digest('3')}` },
        ],
      },
    },
    components: [
      {
        type: 'library',
        'bom-ref': 'a',
        group: 'org',
        name: 'a',
        licenses: [{ license: { id: 'MIT' } }, { license: { id: 'ISC' } }],
        properties: [
          { name: 'syft:location:0:path', value: '/a.jar' },
          { name: 'syft:package:foundBy', value: 'java' },
        ],
        components: [{ type: 'library', 'bom-ref': 'b', name: 'b', purl: 'not a purl' }],
      },
      {
        type: 'file',
        'bom-ref': 'f',
        name: '/etc/x',
        hashes: [
          { alg: 'SHA-256', content: '8'.repeat(64) },
          { alg: 'BLAKE3', content: '8'.repeat(64) },
        ],
      },
    ],
    compositions: [{ aggregate: 'incomplete_third_party_only' }, { aggregate: 'complete', dependencies: ['a'] }],
  })
  expect(document).toMatchObject({
    tools: [{ name: 'trivy', version: '0.60' }],
    completeness: 'incomplete',
    identity: { configDigest: digest('1'), diffIds: [digest('2')], manifestDigest: digest('3') },
    packages: [
      { name: 'org/a', licence: 'MIT AND ISC', locations: ['a.jar'], cataloger: 'java', dependencies: 'complete' },
      { name: 'b', purl: 'not a purl', purlError: true },
    ],
    files: [{ path: 'etc/x', checksums: [{ algorithm: 'SHA-256' }] }],
  })
  expect(document.relationships).toContainEqual({ from: 'a', type: 'contains', to: 'b' })
})
