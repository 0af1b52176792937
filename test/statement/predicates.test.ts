import { jcs } from '../../src/encoding/jcs.ts'
import { builderId } from '../../src/statement/builder-id.ts'
import { encryptionPredicate } from '../../src/statement/encryption.ts'
import { evidencePredicate } from '../../src/statement/evidence.ts'
import { inventoryPredicate } from '../../src/statement/inventory.ts'
import { invocationId, workflowOf, type JobFacts } from '../../src/statement/invocation.ts'
import { provenancePredicate } from '../../src/statement/provenance.ts'
import { rebuildPredicate } from '../../src/statement/rebuild.ts'
import { makeStatement, parseStatement } from '../../src/statement/statement.ts'
import { buildType, inventoryMediaType, type EncryptionPredicate } from '../../src/statement/types.ts'
import { vsaExtensions, vsaIdentity, vsaPredicate, type VsaFacts } from '../../src/statement/vsa.ts'
import { buildRecord, digestOf } from './fixtures.ts'

const claims = {
  iss: 'https://token.actions.githubusercontent.com',
  repository: 'o/r',
  run_id: '7',
  run_attempt: '2',
  workflow_ref: 'o/r/.github/workflows/ci.yml@refs/heads/main',
  event_name: 'push',
  iat: 1_700_000_000,
  exp: 1_700_000_600,
  jti: 'x',
}
const job: JobFacts = { assurance: 'token', instance: '0'.repeat(32), claims }

describe('builder ids', () => {
  test.each([
    [null, 'machine-only', false, 'plain'],
    ['sample', 'machine-only', false, 'sample'],
    ['tpm', 'machine-only', false, 'tpm'],
    ['tpm', 'machine-only', true, 'tpm-software'],
    ['snp', 'machine-only', false, 'snp/machine-only'],
    ['az-tdx-vtpm', 'agent-exclusive', false, 'tdx-vtpm/agent-exclusive'],
  ] as const)('%s, %s', (technology, level, software, expected) => {
    expect(builderId(technology, level, software)).toBe(`https://sealwright.dev/builder/v1/${expected}`)
  })
})

describe('invocation', () => {
  test.each([
    ['https://token.actions.githubusercontent.com', 'https://github.com/o/r/actions/runs/7/attempts/2'],
    ['https://token.actions.acme.ghe.com', 'https://acme.ghe.com/o/r/actions/runs/7/attempts/2'],
    ['https://git.example.com/_services/token', 'https://git.example.com/o/r/actions/runs/7/attempts/2'],
    ['http://127.0.0.1:1', `https://sealwright.dev/instance/${'0'.repeat(32)}`],
    ['https://token.actions.githubusercontent.com.evil.example', `https://sealwright.dev/instance/${'0'.repeat(32)}`],
  ])('issuer %s', (iss, expected) => {
    expect(invocationId({ ...job, claims: { ...claims, iss } })).toBe(expected)
  })

  test('a self-asserted server counts where the issuer tells nothing', () => {
    expect(invocationId({ ...job, claims: { server_url: 'https://h/', repository: 'o/r', run_id: 7 } })).toBe(
      'https://h/o/r/actions/runs/7/attempts/1',
    )
  })

  test('without claims and instance there is none', () => {
    expect(invocationId({ assurance: 'none', instance: null, claims: {} })).toBeNull()
    expect(workflowOf({})).toBeNull()
  })
})

describe('provenance', () => {
  const facts = {
    record: buildRecord(),
    recordDigest: digestOf('e'),
    job,
    builderId: builderId('sample'),
    version: '0.1.0',
  }
  const predicate = provenancePredicate(facts) as unknown as {
    buildDefinition: {
      externalParameters: object
      resolvedDependencies: object[]
      buildType: string
      internalParameters: object
    }
    runDetails: object
  }

  test('has what SLSA wants, and everything that a tenant controls', () => {
    expect(predicate.buildDefinition.buildType).toBe(buildType)
    expect(predicate.buildDefinition.externalParameters).toEqual({
      workflow: { repository: 'o/r', path: '.github/workflows/ci.yml', ref: 'refs/heads/main' },
      source: { repository: 'https://example.com/o/r', commit: 'c'.repeat(40) },
      context: '.',
      file: 'Containerfile',
      fileByDefault: true,
      builder: 'embedded',
      target: null,
      platform: 'linux/amd64',
      buildArgs: { VERSION: '1' },
      labels: {},
      prepare: null,
      network: 'none',
      path: [],
      secrets: [],
      cache: null,
      ignoreFile: null,
      sourceDateEpoch: 1_700_000_000,
      compression: 'gzip',
      rebuilds: 1,
    })
    expect(predicate.buildDefinition.resolvedDependencies).toEqual([
      {
        name: 'source',
        uri: `git+https://example.com/o/r@${'c'.repeat(40)}`,
        digest: { gitCommit: 'c'.repeat(40), gitTree: 'd'.repeat(40) },
      },
      { name: 'context', digest: { sha256: '1'.repeat(64) } },
      { name: 'containerfile', digest: { sha256: '2'.repeat(64) } },
      { name: 'base', uri: `example.com/base:1@${digestOf('3')}`, digest: { sha256: '3'.repeat(64) } },
      { name: 'base-config', digest: { sha256: '4'.repeat(64) } },
      { name: 'base-layer', digest: { sha256: '5'.repeat(64) } },
      { name: 'base-layer', digest: { sha256: '6'.repeat(64) } },
    ])
    expect(predicate.runDetails).toMatchObject({
      builder: { id: 'https://sealwright.dev/builder/v1/sample' },
      metadata: { invocationId: 'https://github.com/o/r/actions/runs/7/attempts/2' },
      byproducts: [{ name: 'build-record', digest: { sha256: 'e'.repeat(64) } }],
    })
  })

  test('holds no time and no token id: another attempt at signing gives the same bytes', () => {
    const later = { ...claims, iat: 1_800_000_000, exp: 1_800_000_600, jti: 'y' }
    expect(jcs(provenancePredicate({ ...facts, job: { ...job, claims: later } }))).toEqual(jcs(predicate))
  })

  test('outside a git work tree there is no source dependency', () => {
    const record = buildRecord({
      source: { repository: null, commit: null, tree: null, clean: false, committed: null },
    })
    const { buildDefinition } = provenancePredicate({ ...facts, record }) as unknown as typeof predicate
    expect(buildDefinition.resolvedDependencies[0]).toMatchObject({ name: 'context' })
  })
})

describe('rebuild', () => {
  test('tells how many agreed', () => {
    expect(rebuildPredicate(buildRecord(), digestOf('e'))).toMatchObject({
      rebuilds: { count: 1, matched: 1 },
      independence: 'same-job',
    })
  })

  test.each([
    [{ count: 2, matched: 1 }, 'not-reproducible'],
    [{ count: 0, matched: 0 }, 'role-mismatch'],
  ])('refuses %p', (rebuilds, code) => {
    const record = buildRecord({ rebuilds: { ...rebuilds, independence: 'same-job' } })
    expect(() => rebuildPredicate(record, digestOf('e'))).toThrow(expect.objectContaining({ code }))
  })
})

describe('encryption', () => {
  const facts: EncryptionPredicate = {
    plain: { manifest: digestOf('a') },
    encrypted: { manifest: digestOf('b') },
    config: digestOf('c'),
    layers: [{ plain: digestOf('1'), encrypted: digestOf('2'), diffId: digestOf('3') }],
    cipher: 'AES_256_CTR_HMAC_SHA256',
    recipients: [{ scheme: 'kbs', keyId: 'kbs:///default/key/app' }],
  }

  test('ties both manifests', () => {
    expect(encryptionPredicate(facts)).toEqual(facts)
  })

  test.each([
    ['nothing encrypted', { layers: [{ plain: digestOf('1'), encrypted: digestOf('1'), diffId: digestOf('3') }] }],
    ['no recipient', { recipients: [] }],
    ['the same manifest twice', { encrypted: { manifest: digestOf('a') } }],
  ])('refuses %s', (_title, change) => {
    expect(() => encryptionPredicate({ ...facts, ...change })).toThrow(
      expect.objectContaining({ code: 'encryption-link' }),
    )
  })
})

test('inventory and evidence point by digest', () => {
  const document = { digest: digestOf('a'), mediaType: inventoryMediaType, size: 3 }
  expect(inventoryPredicate({ document, config: digestOf('b'), diffIds: [digestOf('c')], files: 2 })).toMatchObject({
    document,
    files: 2,
  })
  const manifest = { digest: digestOf('a'), mediaType: 'm', artifactType: 'a', size: 5 }
  const evidence = evidencePredicate({
    manifest,
    technology: 'sample',
    keyId: 'k',
    jobDigest: digestOf('b'),
    instance: 'i',
  })
  expect(evidence).toMatchObject({
    attributes: [{ evidence: { digest: { sha256: 'a'.repeat(64) } }, conditions: { technology: 'sample' } }],
  })
})

describe('vsa', () => {
  const facts: VsaFacts = {
    verdict: {
      verified: true,
      image: { reference: `h:5000/n:t@${digestOf('a')}`, digest: digestOf('a') },
      policy: { digest: digestOf('b') },
      builder: { id: builderId('sample') },
      exceptions: ['accept-sample'],
      inputs: [{ kind: 'provenance', digest: digestOf('c') }],
    },
    verifierId: builderId('sample'),
    version: '0.1.0',
    timeVerified: new Date('2026-01-02T03:04:05.678Z'),
    expires: new Date('2026-01-03T03:04:05Z'),
  }
  const identity = (change: Partial<VsaFacts>): Buffer =>
    vsaIdentity(parseStatement(makeStatement('vsa', { digest: digestOf('a') }, vsaPredicate({ ...facts, ...change }))))

  test('has SLSA members and URI-named extensions', () => {
    expect(vsaPredicate(facts)).toMatchObject({
      timeVerified: '2026-01-02T03:04:05Z',
      resourceUri: `h:5000/n@${digestOf('a')}`,
      verificationResult: 'PASSED',
      verifiedLevels: ['SLSA_BUILD_LEVEL_UNEVALUATED'],
      inputAttestations: [{ digest: { sha256: 'c'.repeat(64) } }],
      [vsaExtensions.exceptions]: ['accept-sample'],
      [vsaExtensions.expires]: '2026-01-03T03:04:05Z',
    })
  })

  test('shows no folder of a layout', () => {
    const verdict = {
      ...facts.verdict,
      image: { reference: `oci:/secret/place:t@${digestOf('a')}`, digest: digestOf('a') },
    }
    expect(vsaPredicate({ ...facts, verdict })['resourceUri']).toBe(`oci:${digestOf('a')}`)
  })

  test('a refused verdict is never one', () => {
    expect(() => vsaPredicate({ ...facts, verdict: { ...facts.verdict, verified: false } })).toThrow(
      expect.objectContaining({ code: 'denied' }),
    )
  })

  test('time and expiry do not make it another one, everything else does', () => {
    expect(identity({ timeVerified: new Date(0), expires: null })).toEqual(identity({}))
    expect(identity({ verifierId: 'x' })).not.toEqual(identity({}))
    expect(identity({ verdict: { ...facts.verdict, exceptions: [] } })).not.toEqual(identity({}))
  })
})
