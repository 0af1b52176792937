import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openState } from '../../src/agent/state.ts'
import { collect, sha256 } from '../../src/base/streams.ts'
import type { Ports } from '../../src/base/ports.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import { evidenceMediaTypes } from '../../src/journal/evidence-bundle.ts'
import { roles, type EventDraft } from '../../src/journal/event.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import { mediaTypes } from '../../src/oci/types.ts'
import { verifyEnvelope } from '../../src/sign/dsse.ts'
import { findCosignSignatures, findStatements, type FoundStatement } from '../../src/sign/find.ts'
import { embeddedDocument } from '../../src/statement/statement.ts'
import { inventoryArtifactType, predicateTypes } from '../../src/statement/types.ts'
import { buildRecord } from '../statement/fixtures.ts'
import { privatePem, putImage, storeOf } from './fixtures.ts'
import { artifact, job, spdx, stopAgents } from './job.ts'

afterEach(stopAgents)

const typesOf = (found: readonly FoundStatement[], origin: string): string[] =>
  found.filter((item) => item.origin === origin).map(({ predicateType }) => predicateType)

describe('with an agent', () => {
  test('publishes the image with all that the job has material for', async () => {
    const { sign, published, image, agent, ports } = await job()
    const { outputs, report } = await sign()
    expect(outputs).toMatchObject({ image: `oci:${ports.roots.cwd}/out:latest@${image.digest}`, digest: image.digest })
    expect(report.headline).toMatch(/^Signed/)

    const found = await findStatements(published, image)
    const kinds = ['sign', 'provenance', 'spdx', 'cyclonedx', 'inventory', 'rebuild', 'evidence'] as const
    expect(typesOf(found, 'referrer').sort()).toEqual(kinds.map((kind) => predicateTypes[kind]).sort())
    expect(typesOf(found, 'att').sort()).toEqual(
      kinds
        .slice(1)
        .map((kind) => predicateTypes[kind])
        .sort(),
    )
    const key = readFileSync(outputs['public-key-path'] ?? '', 'utf8')
    expect(key).toBe((await agent?.status())?.publicKeyPem)
    for (const { envelope } of found) expect(verifyEnvelope(envelope, key).length).toBeGreaterThan(0)
    expect(await findCosignSignatures(published, image)).toMatchObject([
      { claims: { dockerReference: 'localhost/out', digest: image.digest } },
    ])
    expect(await published.referrers(image.digest, inventoryArtifactType)).toHaveLength(1)
    expect(await published.referrers(image.digest, evidenceMediaTypes.index)).toHaveLength(1)
    expect((await published.resolve({ tag: 'latest' }))?.digest).toBe(image.digest)

    const lines = readFileSync(outputs['bundles-path'] ?? '', 'utf8')
      .trimEnd()
      .split('\n')
    expect(lines).toHaveLength(kinds.length)
    expect(JSON.parse(readFileSync(outputs['receipts-path'] ?? '', 'utf8'))).toHaveLength(kinds.length + 3)
  })

  test('a second run adds nothing and makes no seal', async () => {
    const { sign, published, image, agent } = await job()
    await sign()
    const before = [
      await published.tags(),
      await published.referrers(image.digest),
      (await agent?.status())?.journalHead,
    ]
    const { report } = await sign()
    expect([
      await published.tags(),
      await published.referrers(image.digest),
      (await agent?.status())?.journalHead,
    ]).toEqual(before)
    expect(report.headline).toMatch(/^Nothing to sign/)
  })

  test('a key adds its own signature over the same payloads; evidence stays with the agent', async () => {
    const { sign, published, image, ports } = await job()
    writeFileSync(join(ports.roots.cwd, 'my.key'), privatePem())
    const { outputs } = await sign({ signer: 'key', key: 'my.key' })
    const key = readFileSync(outputs['public-key-path'] ?? '', 'utf8')
    const found = await findStatements(published, image)
    const by = found.filter(({ envelope, origin }) => origin === 'referrer' && verifies(envelope, key))
    expect(typesOf(by, 'referrer')).not.toContain(predicateTypes.evidence)
    expect(by).toHaveLength(6)
    for (const { payloadDigest } of by) {
      expect(found.filter((item) => item.origin === 'referrer' && item.payloadDigest === payloadDigest)).toHaveLength(2)
    }
    expect(await findCosignSignatures(published, image)).toHaveLength(2)
    await sign({ signer: 'key', key: 'my.key' })
    expect(await findStatements(published, image)).toHaveLength(found.length)
  })

  test('picks statements and consumers', async () => {
    const { sign, published, image } = await job()
    await sign({ statements: 'spdx', consumers: 'cosign3' })
    const found = await findStatements(published, image)
    expect(found.map(({ predicateType }) => predicateType).sort()).toEqual(
      [predicateTypes.evidence, predicateTypes.spdx].sort(),
    )
    expect(await findCosignSignatures(published, image)).toEqual([])
    expect((await published.tags()).filter((tag) => tag.endsWith('.sig') || tag.endsWith('.att'))).toEqual([])
  })

  test('signs in place without output', async () => {
    const { sign, store, image } = await job()
    const { outputs } = await sign({ output: '' })
    expect(outputs['image']).toMatch(new RegExp(`built:v1@${image.digest}$`))
    expect((await findStatements(store, image)).length).toBeGreaterThan(0)
  })

  test('an SBOM file that was not made in the job is refused, one that was is taken', async () => {
    const { sign, published, image, ports } = await job()
    writeFileSync(join(ports.roots.cwd, 'foreign.json'), jcs({ spdxVersion: 'SPDX-2.3', name: 'other' }))
    await expect(sign({ sbom: 'foreign.json' })).rejects.toMatchObject({ code: 'role-mismatch' })
    expect(await published.tags().catch(() => [])).toEqual([])
    writeFileSync(join(ports.roots.cwd, 'same.json'), spdx)
    await sign({ sbom: 'same.json' })
    expect(typesOf(await findStatements(published, image), 'referrer')).toContain(predicateTypes.spdx)
  })

  test('SPDX 3 and CycloneDX 1.7 alone are attached, from the same agent or by its key', async () => {
    const { sign, published, image, ports, directory, agent } = await job({ agent: true, described: false })
    const state = openState(directory, ports)
    const keep = async (name: string, role: string, bytes: Buffer): Promise<EventDraft['outputs'][number]> => {
      const path = join(ports.roots.cwd, name)
      writeFileSync(path, bytes)
      await state.remember(name, path)
      return artifact(role, sha256(bytes))
    }
    const spdx3 = jcs({ '@context': 'https://spdx.org/rdf/3.0.1/spdx-context.jsonld', '@graph': [] })
    const newer = jcs({ bomFormat: 'CycloneDX', specVersion: '1.7' })
    const outputs = [
      await keep('sbom-spdx3-path', roles.spdx3, spdx3),
      await keep('sbom-cyclonedx-path', roles.cyclonedx, newer),
    ]
    await agent?.append({ kind: 'sbom', inputs: [artifact(roles.image, image.digest)], outputs, result: {} })
    await expect(sign({ statements: 'spdx' })).rejects.toMatchObject({ code: 'input-invalid' })
    await sign()
    const found = await findStatements(published, image)
    const documentOf = (type: string): Buffer | null => {
      const one = found.find(({ predicateType }) => predicateType === type)
      return one === undefined ? null : embeddedDocument(one.payload, one.statement)
    }
    expect(documentOf('https://spdx.dev/Document/v3')?.equals(spdx3)).toBe(true)
    expect(documentOf('https://cyclonedx.org/bom')?.equals(newer)).toBe(true)
    expect(documentOf('https://spdx.dev/Document')).toBeNull()
    // A changed document, and one of another image, are not signed.
    writeFileSync(join(ports.roots.cwd, 'sbom-spdx3-path'), jcs({ '@graph': [] }))
    await expect(sign()).rejects.toMatchObject({ code: 'digest-mismatch' })
    const documents = { spdx3: jcs({ '@graph': [] }).toString('base64') }
    await expect(agent?.statement({ kind: 'spdx3', subject: image.digest, documents })).rejects.toMatchObject({
      code: 'role-mismatch',
    })
    // The role belongs to the kind: what was made as CycloneDX is not signed as SPDX.
    await expect(
      agent?.statement({ kind: 'spdx3', subject: image.digest, documents: { spdx3: newer.toString('base64') } }),
    ).rejects.toMatchObject({ code: 'role-mismatch' })
  })

  test('beside 1.6, CycloneDX 1.7 is attached where its path is given', async () => {
    const { sign, published, image, ports, agent } = await job()
    const newer = jcs({ bomFormat: 'CycloneDX', specVersion: '1.7' })
    writeFileSync(join(ports.roots.cwd, 'newer.json'), newer)
    await expect(sign({ sbom: 'newer.json' })).rejects.toMatchObject({ code: 'role-mismatch' })
    await agent?.append({
      kind: 'sbom',
      inputs: [artifact(roles.image, image.digest), artifact(roles.config, image.digest)],
      outputs: [artifact(roles.cyclonedx17, sha256(newer))],
      result: {},
    })
    await sign({ sbom: 'newer.json', statements: 'cyclonedx' })
    const found = (await findStatements(published, image)).find(
      ({ predicateType }) => predicateType === predicateTypes.cyclonedx,
    )
    expect(found === undefined ? null : embeddedDocument(found.payload, found.statement)?.equals(newer)).toBe(true)
  })

  test.each([
    ['build-record-path', 'digest-mismatch'],
    ['sbom-spdx-path', 'digest-mismatch'],
    ['inventory-path', 'digest-mismatch'],
  ])('a changed %s is refused', async (name, code) => {
    const { sign, ports } = await job()
    writeFileSync(join(ports.roots.cwd, name), '{}')
    await expect(sign()).rejects.toMatchObject({ code })
  })

  test('an image that the job did not make is refused before anything is published', async () => {
    const { sign, store, ports } = await job()
    const other = await putImage(store, 'other', 'other')
    const image = `oci:${ports.roots.cwd}/built@${other.digest}`
    await expect(sign({ image })).rejects.toMatchObject({ code: 'role-mismatch', subject: other.digest })
    await expect(sign({ image, statements: 'provenance' })).rejects.toMatchObject({ code: 'role-mismatch' })
    expect(await storeOf('oci:out', ports).hasBlob(other.digest)).toBe(false)
  })

  test('the plain form of an encrypted image never leaves', async () => {
    const { sign, store, image, agent, ports } = await job()
    const encrypted = await putImage(store, 'v1-encrypted', 'encrypted')
    await agent?.append({
      kind: 'encrypt',
      inputs: [artifact(roles.image, image.digest)],
      outputs: [artifact(roles.image, encrypted.digest)],
      result: {},
    })
    await expect(sign({ image: `oci:${ports.roots.cwd}/built:v1` })).rejects.toMatchObject({
      code: 'encryption-link',
      subject: image.digest,
    })
    // Left out, the newest image is meant: here the same one, built again after it was encrypted.
    await expect(sign()).rejects.toMatchObject({
      code: 'encryption-link',
      message: 'the newest image of this job is plain: it was built again after its encrypted form was made',
    })
    expect(await storeOf('oci:out', ports).hasBlob(image.digest)).toBe(false)
  })

  test('after an older image was encrypted, the newest plain one is published only where it is named', async () => {
    const { sign, store, image, agent, ports } = await job()
    const [older, encrypted] = [await putImage(store, 'v0', 'older'), await putImage(store, 'v0-encrypted', 'hidden')]
    await agent?.append({
      kind: 'encrypt',
      inputs: [artifact(roles.image, older.digest)],
      outputs: [artifact(roles.image, encrypted.digest)],
      result: {},
    })
    await expect(sign()).rejects.toMatchObject({
      code: 'encryption-link',
      message: 'the newest image of this job is plain, but an older image of this job was encrypted for recipients',
      remedy: expect.stringContaining('Run encrypt again') as string,
    })
    expect(await storeOf('oci:out', ports).hasBlob(image.digest)).toBe(false)
    await sign({ image: `oci:${ports.roots.cwd}/built:v1` })
    expect(await storeOf('oci:out', ports).hasBlob(image.digest)).toBe(true)
  })

  test('an encrypted image carries the statements of its plain form, and the link between both', async () => {
    const { sign, store, image, agent, published, ports } = await job()
    const { content } = await store.getManifest(image.digest)
    if (!('config' in content)) throw new Error('not an image')
    const config = await collect(await store.openBlob(content.config), content.config.size, 'config')
    const encrypted = await putArtifact(store, {
      artifactType: 'application/vnd.oci.image.config.v1+json',
      config: { mediaType: content.config.mediaType, bytes: config },
      layers: [{ mediaType: `${mediaTypes.layerTar}${mediaTypes.encryptedSuffix}`, bytes: Buffer.alloc(1024, 7) }],
      tag: 'v1-encrypted',
    })
    const cipher = (await store.getManifest(encrypted.digest)).content
    const layers = [[content.layers[0]?.digest ?? '', 'layers' in cipher ? (cipher.layers[0]?.digest ?? '') : '']]
    await agent?.append({
      kind: 'encrypt',
      inputs: [artifact(roles.image, image.digest), artifact(roles.config, content.config.digest)],
      outputs: [artifact(roles.image, encrypted.digest)],
      result: { layers, recipients: [{ scheme: 'kbs', keyId: 'kbs:///default/image/key' }] },
    })
    const { outputs } = await sign({ image: `oci:${ports.roots.cwd}/built:v1-encrypted` })
    expect(outputs['digest']).toBe(encrypted.digest)
    const found = await findStatements(published, encrypted)
    expect(new Set(found.map(({ predicateType }) => predicateType))).toContain(predicateTypes.encryption)
    expect(typesOf(found, 'referrer')).toHaveLength(8)
    for (const { statement } of found) expect(statement.subject[0].digest.sha256).toBe(encrypted.digest.slice(7))
    expect(await published.hasBlob(image.digest)).toBe(false)
    expect(await published.hasBlob(content.layers[0]?.digest ?? image.digest)).toBe(false)
  })

  test('what was asked for and has no material is an error', async () => {
    const { sign } = await job({ agent: true, described: false })
    await expect(sign({ statements: 'spdx' })).rejects.toMatchObject({ code: 'input-invalid', subject: 'statements' })
    await expect(sign({ statements: 'encryption' })).rejects.toMatchObject({ code: 'input-invalid' })
  })

  test('what others attached, readable or not, stays and does not disturb', async () => {
    const { sign, published, image } = await job()
    await sign({ statements: 'sign', consumers: 'cosign3' })
    const mediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json'
    const broken = await putArtifact(published, {
      artifactType: mediaType,
      subject: image,
      layers: [{ mediaType, bytes: Buffer.from('{') }],
    })
    await sign()
    expect((await published.referrers(image.digest)).map(({ digest }) => digest)).toContain(broken.digest)
  })
})

describe('without an agent', () => {
  const withKey = async (ports: Ports, given: Record<string, string> = {}): Promise<Record<string, string>> => {
    writeFileSync(join(ports.roots.cwd, 'my.key'), privatePem())
    return Promise.resolve({ signer: 'key', key: 'my.key', image: 'oci:built:v1', ...given })
  }

  test('a key signs what is at hand; the builder is plain', async () => {
    const { sign, ports, published, image } = await job({ agent: false })
    const given = await withKey(ports)
    const { outputs } = await sign(given)
    const key = readFileSync(outputs['public-key-path'] ?? '', 'utf8')
    const found = await findStatements(published, image)
    const provenance = found.find(({ predicateType }) => predicateType === predicateTypes.provenance)
    expect(provenance?.statement.predicate).toMatchObject({
      runDetails: { builder: { id: 'https://sealwright.dev/builder/v1/plain' } },
    })
    expect(provenance?.statement.subject).toEqual([
      { name: 'localhost/out', digest: { sha256: image.digest.slice(7) } },
    ])
    for (const { envelope } of found) expect(verifies(envelope, key)).toBe(true)
    expect(typesOf(found, 'referrer')).not.toContain(predicateTypes.evidence)
    const before = await published.referrers(image.digest)
    await sign(given)
    expect(await published.referrers(image.digest)).toEqual(before)
  })

  test('another key signs beside it', async () => {
    const { sign, ports, published, image } = await job({ agent: false })
    await sign(await withKey(ports, { statements: 'sign' }))
    await sign(await withKey(ports, { statements: 'sign' }))
    expect(await findStatements(published, image)).toHaveLength(2)
    expect(await findCosignSignatures(published, image)).toHaveLength(2)
  })

  test('takes a foreign SBOM, as what it says it is', async () => {
    const { sign, ports, published, image } = await job({ agent: false, described: false })
    writeFileSync(join(ports.roots.cwd, 'foreign.json'), '{ "bomFormat": "CycloneDX" }')
    await sign(await withKey(ports, { sbom: 'foreign.json' }))
    expect(typesOf(await findStatements(published, image), 'referrer')).toContain(predicateTypes.cyclonedx)
    const context = '{ "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld" }'
    writeFileSync(join(ports.roots.cwd, 'foreign.json'), context)
    await sign(await withKey(ports, { sbom: 'foreign.json' }))
    expect(typesOf(await findStatements(published, image), 'referrer')).toContain(predicateTypes.spdx3)
    writeFileSync(join(ports.roots.cwd, 'foreign.json'), '{}')
    await expect(sign(await withKey(ports, { sbom: 'foreign.json' }))).rejects.toMatchObject({ code: 'file-invalid' })
  })

  test('documents of another image are not signed: remembered ones are left out, a given one is refused', async () => {
    const { sign, ports, directory, published, image } = await job({ agent: false })
    await openState(directory, ports).remember('sbom-subject', `sha256:${'a'.repeat(64)}`)
    await sign(await withKey(ports))
    const types = typesOf(await findStatements(published, image), 'referrer')
    expect(types).toEqual(expect.arrayContaining([predicateTypes.sign, predicateTypes.provenance]))
    for (const kind of ['spdx', 'cyclonedx', 'inventory'] as const) expect(types).not.toContain(predicateTypes[kind])
    const about = (digest: string): string =>
      JSON.stringify({
        bomFormat: 'CycloneDX',
        specVersion: '1.6',
        metadata: {
          component: {
            type: 'container',
            name: 'app',
            properties: [{ name: 'aquasecurity:trivy:ImageID', value: digest }],
          },
        },
      })
    writeFileSync(join(ports.roots.cwd, 'given.json'), about(`sha256:${'b'.repeat(64)}`))
    await expect(sign(await withKey(ports, { sbom: 'given.json' }))).rejects.toMatchObject({ code: 'role-mismatch' })
    const { content } = await published.getManifest(image.digest)
    writeFileSync(join(ports.roots.cwd, 'given.json'), about('config' in content ? content.config.digest : ''))
    await sign(await withKey(ports, { sbom: 'given.json' }))
    expect(typesOf(await findStatements(published, image), 'referrer')).toContain(predicateTypes.cyclonedx)
  })

  test('a build record of another image is refused', async () => {
    const { sign, ports } = await job({ agent: false })
    writeFileSync(join(ports.roots.cwd, 'build-record-path'), jcs(buildRecord()))
    await expect(sign(await withKey(ports))).rejects.toMatchObject({ code: 'role-mismatch' })
  })

  test.each([
    ['the agent as signer', { signer: 'agent' }, 'no-agent'],
    ['no key', { signer: 'key' }, 'input-missing'],
    ['a key for the agent', { signer: 'agent', key: 'my.key' }, 'input-invalid'],
    ['no image', { signer: 'key', key: 'my.key' }, 'input-missing'],
    ['an unknown statement', { signer: 'key', key: 'my.key', statements: 'vsa' }, 'input-invalid'],
    ['an unknown consumer', { signer: 'key', key: 'my.key', consumers: 'gpg' }, 'input-invalid'],
    ['an identity that is no name', { signer: 'key', key: 'my.key', identity: 'a b' }, 'input-invalid'],
    ['an image that is not there', { signer: 'key', key: 'my.key', image: 'oci:built:none' }, 'not-found'],
    ['a missing SBOM', { signer: 'key', key: 'my.key', image: 'oci:built:v1', sbom: 'none' }, 'file-missing'],
    [
      'another digest in output',
      { signer: 'key', key: 'my.key', image: 'oci:built:v1', output: `oci:out@sha256:${'1'.repeat(64)}` },
      'input-invalid',
    ],
  ])('%s is an error', async (_title, given: Record<string, string>, code) => {
    const { sign, ports } = await job({ agent: false })
    writeFileSync(join(ports.roots.cwd, 'my.key'), privatePem())
    await expect(sign(given)).rejects.toMatchObject({ code })
  })
})

function verifies(envelope: FoundStatement['envelope'], key: string): boolean {
  try {
    verifyEnvelope(envelope, key)
    return true
  } catch {
    return false
  }
}
