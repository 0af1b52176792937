import { encodeDocument } from '../src/sbom/formats/encode.ts'
import type { SbomFormat } from '../src/sbom/formats/names.ts'
import { ownDocument } from '../src/sbom/documents/own.ts'
import { jcs } from '../src/encoding/jcs.ts'
import { evidenceMediaTypes } from '../src/journal/evidence-bundle.ts'
import { mediaTypes, type Digest } from '../src/oci/types.ts'
import { builderId } from '../src/statement/builder-id.ts'
import { readReport } from '../src/statement/claims/read.ts'
import type { ClaimKind } from '../src/statement/claims/types.ts'
import { encryptionPredicate } from '../src/statement/encryption.ts'
import { evidencePredicate } from '../src/statement/evidence.ts'
import { inventoryPredicate } from '../src/statement/inventory.ts'
import { promotionPredicate } from '../src/statement/promotion.ts'
import { provenancePredicate } from '../src/statement/provenance.ts'
import { rebuildPredicate } from '../src/statement/rebuild.ts'
import { makeStatement, type WrittenKind } from '../src/statement/statement.ts'
import { inventoryMediaType } from '../src/statement/types.ts'
import { vsaPredicate } from '../src/statement/vsa.ts'
import { exampleReports } from './example-reports.ts'
import { smallClaims, smallRecord } from './small-image.ts'

const of = (digit: string): Digest => `sha256:${digit.repeat(64)}`
const [encrypted, plain, config, diffId, document] = [of('a'), of('b'), of('c'), of('d'), of('e')]
const record = smallRecord(plain, config)
const recordDigest = of('f')
const instance = '0123456789abcdef'.repeat(2)
const keyId = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'

/**
 * One statement of each kind over one published image, made by the makers that the agent and the steps use, from fixed input: equal bytes each time.
 * The documentation shows them (docs/predicates).
 */
export function predicateExamples(): Record<WrittenKind, Buffer> {
  const subject = { name: 'registry.example/team/app', digest: encrypted }
  const claim = (kind: ClaimKind, report: string): Buffer => {
    const read = readReport(Buffer.from(report), kind)
    return makeStatement(read.kind, subject, read.predicate)
  }
  const sbom = (kind: 'spdx' | 'spdx3' | 'cyclonedx', format: SbomFormat): Buffer =>
    makeStatement(kind, subject, { document: sbomDocument(format) })
  return {
    sign: makeStatement('sign', subject, {}),
    provenance: makeStatement('provenance', subject, provenance()),
    spdx: sbom('spdx', 'spdx-json'),
    spdx3: sbom('spdx3', 'spdx3-json'),
    cyclonedx: sbom('cyclonedx', 'cyclonedx-json'),
    inventory: makeStatement(
      'inventory',
      subject,
      inventoryPredicate({
        document: { digest: document, mediaType: inventoryMediaType, size: 1543 },
        config,
        diffIds: [diffId],
        files: 12,
      }),
    ),
    rebuild: makeStatement('rebuild', subject, rebuildPredicate(record, recordDigest)),
    encryption: makeStatement('encryption', subject, encryption()),
    evidence: makeStatement('evidence', subject, evidence()),
    vsa: makeStatement('vsa', subject, summary()),
    promotion: makeStatement('promotion', subject, promotion()),
    vulns: claim('vulns', exampleReports.grype),
    openvex: claim('openvex', exampleReports.openvex),
    'test-result': claim('test-result', exampleReports.junit),
    status: makeStatement('status', subject, {
      status: 'revoked',
      serial: 3,
      issued: '2026-01-02T03:04:05Z',
      expires: '2027-01-02T03:04:05Z',
      reason: 'CVE-2026-0001: the image answers without authentication',
      from: '2026-01-01T00:00:00Z',
    }),
    archive: makeStatement('archive', subject, {
      archived: '2026-01-02T03:04:05Z',
      inProduction: { from: '2025-01-01T00:00:00Z', to: '2026-01-01T00:00:00Z' },
      keys: [{ uri: 'kbs:///team/image-key/app', until: '2036-01-01T00:00:00Z' }],
      purged: { time: '2027-01-02T03:04:05Z', layers: [of('1')] },
    }),
    'kbs-state': makeStatement(
      'kbs-state',
      { name: 'plan default', digest: document },
      {
        kbs: 'https://kbs.example.com',
        plan: { name: 'default', digest: document },
        serial: 2,
        previous: of('1'),
        writtenOn: '2026-01-02T03:04:05Z',
        resources: [
          { uri: 'kbs:///team/image-key/app-1', bytes: 'kept' },
          { uri: 'kbs:///team/image-key/app-2', bytes: 'written' },
        ],
        resourcePolicy: of('2'),
        attestationPolicy: null,
        referenceValues: [{ id: 'snp_launch_measurement', digest: of('3') }],
      },
    ),
  }
}

function provenance(): ReturnType<typeof provenancePredicate> {
  const job = { assurance: 'token', instance, claims: smallClaims } as const
  return provenancePredicate({ record, recordDigest, job, builderId: builderId('snp'), version: '1.0.0' })
}

function encryption(): ReturnType<typeof encryptionPredicate> {
  return encryptionPredicate({
    plain: { manifest: plain },
    encrypted: { manifest: encrypted },
    config,
    layers: [{ plain: of('1'), encrypted: of('2'), diffId }],
    cipher: 'AES_256_CTR_HMAC_SHA256',
    recipients: [{ scheme: 'kbs', keyId: 'kbs:///team/image-key/app' }],
  })
}

function evidence(): ReturnType<typeof evidencePredicate> {
  return evidencePredicate({
    manifest: { digest: of('3'), mediaType: mediaTypes.manifest, artifactType: evidenceMediaTypes.index, size: 2048 },
    technology: 'snp',
    keyId,
    jobDigest: of('4'),
    instance,
  })
}

function summary(): ReturnType<typeof vsaPredicate> {
  return vsaPredicate({
    verdict: {
      verified: true,
      image: { reference: `registry.example/team/app:1.0@${encrypted}`, digest: encrypted },
      policy: { digest: of('5') },
      builder: { id: builderId('snp') },
      exceptions: ['accept-machine-only'],
      inputs: [{ kind: 'provenance', digest: of('6') }],
    },
    verifierId: builderId('snp'),
    version: '1.0.0',
    timeVerified: new Date('2026-01-02T03:04:05Z'),
    expires: new Date('2026-01-09T03:04:05Z'),
  })
}

function promotion(): ReturnType<typeof promotionPredicate> {
  return promotionPredicate(
    {
      from: { name: 'registry.example/team/app', tag: '1.0' },
      to: { name: 'registry.example/prod/app', tag: '1.0' },
      environment: 'production',
      class: null,
      supersedes: [],
      copied: [{ digest: of('6'), type: 'https://slsa.dev/provenance/v1' }],
      left: [{ digest: of('7'), type: 'https://spdx.dev/Document', reason: 'it is marked as not publishable' }],
    },
    {
      verified: true,
      image: { digest: encrypted },
      policy: { digest: of('5') },
      builder: { id: builderId('snp') },
      keys: [keyId],
      exceptions: [],
    },
    of('8'),
    new Date('2026-01-02T03:04:05Z'),
  )
}

/** A document of ours about the image, in RFC 8785 order so that it reads like the rest of the statement. */
function sbomDocument(format: SbomFormat): Buffer {
  const written = encodeDocument(
    ownDocument({
      name: 'registry.example/team/app',
      platform: { os: 'linux', architecture: 'amd64' },
      configDigest: config,
      layers: [],
      created: 1_700_000_000,
      inventoryDigest: document,
      files: 12,
      os: null,
      packages: [],
      catalogers: ['npm'],
      gaps: [],
      coverage: { unattributed: 12, executables: [], privileged: [], checked: 0, findings: [] },
    }),
    format,
  )
  return jcs(JSON.parse(written.toString('utf8')))
}
