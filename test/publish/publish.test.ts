import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { definitions } from '../../src/doors/definitions.generated.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { doors } from '../../src/doors/registry.ts'
import { openState } from '../../src/agent/state.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { Digest, Manifest, Store } from '../../src/oci/types.ts'
import { findStatements } from '../../src/sign/find.ts'
import { makeImage } from '../image/make-image.ts'
import { application, debian } from '../sbom/fixture.ts'
import { privatePem } from '../sign/fixtures.ts'
import { recordingLog, scratch, testPorts } from '../../testkit/ports.ts'

interface Machine {
  folder: string
  lines: string[]
  run(action: string, inputs: Record<string, string>): Promise<Record<string, string>>
  document(name: string): string
  store(reference: string): Store
}

/** One job without an agent. */
function machine(): Machine {
  const folder = scratch('publish')
  const log = recordingLog()
  const base = testPorts({ log })
  const ports = { ...base, roots: { ...base.roots, cwd: folder } }
  const state = openState(join(folder, 'state'), ports)
  writeFileSync(join(folder, 'key.pem'), privatePem())
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeFileSync(join(folder, 'recipient.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
  return {
    folder,
    lines: log.lines,
    document: (name) => readFileSync(join(folder, 'state/sbom', name), 'utf8'),
    store: (reference) => openStore(parseReference(reference, folder), ports),
    run: async (action, inputs) => {
      const defaults = Object.fromEntries((definitions[action]?.inputs ?? []).map((i) => [i.name, i.default]))
      const raw = rawInputs({ given: (name) => inputs[name], defaults, ports, confine: null, label: (name) => name })
      const door = await doors[action]?.()
      if (door === undefined) throw new Error(action)
      return (await door.run(raw, { ports, state })).outputs
    },
  }
}

const signing = { signer: 'key', key: 'key.pem' }

describe('the root action over an image that is there', () => {
  test('describes, encrypts and signs as the three steps do, and tags last', async () => {
    const { directory, digest } = await makeImage([debian, application])
    const image = `oci:${directory}:latest`
    const root = machine()
    const published = await root.run('publish', {
      ...signing,
      technology: 'none',
      image,
      output: 'oci:out:v1',
      recipients: 'jwe:recipient.pem',
    })
    const steps = machine()
    await steps.run('sbom', { image })
    const encrypted = await steps.run('encrypt', { image, recipients: 'jwe:recipient.pem', output: 'oci:out:v1' })
    await steps.run('sign-attest', { ...signing, image: encrypted['image'] ?? '', output: 'oci:out:v1' })

    for (const name of ['sbom.spdx.json', 'sbom.cdx.json', 'inventory.jsonl'])
      expect(root.document(name)).toBe(steps.document(name))
    expect(published['plain-digest']).toBe(digest)
    const [mine, theirs] = [root.store('oci:out'), steps.store('oci:out')]
    const kinds = async (store: Store, of: string | undefined): Promise<string[]> => {
      const subject = await store.resolve({ digest: of as Digest })
      if (subject === null) throw new Error('no image')
      return (await findStatements(store, subject)).map(({ predicateType }) => predicateType).sort()
    }
    expect(await kinds(mine, published['digest'])).toEqual(await kinds(theirs, encrypted['digest']))
    expect((await mine.resolve({ tag: 'v1' }))?.digest).toBe(published['digest'])
    // No second tag, and no plain layer, is left where it was published.
    expect((await mine.tags()).filter((tag) => !tag.startsWith('sha256-'))).toEqual(['v1'])
    const { content } = await mine.getManifest(published['digest'] as Digest)
    for (const { mediaType } of (content as Manifest).layers) expect(mediaType).toMatch(/\+encrypted$/)
    for (const { digest: plain } of (await openPlain(root, image, digest)).layers)
      expect(await mine.hasBlob(plain)).toBe(false)
  })

  test('run again it finds the same image and reads no layer', async () => {
    const { directory } = await makeImage([debian])
    const root = machine()
    const inputs = {
      ...signing,
      technology: 'none',
      image: `oci:${directory}`,
      output: 'oci:out',
      recipients: 'jwe:recipient.pem',
    }
    const first = await root.run('publish', inputs)
    const before = root.lines.length
    expect(await root.run('publish', inputs)).toEqual(first)
    expect(root.lines.slice(before).filter((line) => line.startsWith('reading layer'))).toEqual([])
  })

  test('without recipients it is published in clear', async () => {
    const { directory, digest } = await makeImage([debian])
    const root = machine()
    const outputs = await root.run('publish', {
      ...signing,
      technology: 'none',
      image: `oci:${directory}`,
      output: 'oci:out',
    })
    expect(outputs['digest']).toBe(digest)
  })

  test('an agent signs only what its job built: image is refused where one would run', async () => {
    const { directory } = await makeImage([debian])
    const inputs = { technology: 'sample', image: `oci:${directory}`, output: 'oci:out' }
    await expect(machine().run('publish', inputs)).rejects.toMatchObject({ code: 'input-invalid', subject: 'image' })
  })
})

async function openPlain(root: Machine, image: string, digest: Digest): Promise<Manifest> {
  return (await root.store(image).getManifest(digest)).content as Manifest
}
