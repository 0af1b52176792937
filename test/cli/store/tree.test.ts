import { openStore } from '../../../src/oci/open.ts'
import { putArtifact } from '../../../src/oci/artifact.ts'
import { parseReference } from '../../../src/oci/reference.ts'
import { treeHtml } from '../../../src/report/graph/html.ts'
import { treeMermaid } from '../../../src/report/graph/mermaid.ts'
import { treeText } from '../../../src/report/graph/text.ts'
import { attachBundle, bundleAnnotations } from '../../../src/sign/attach.ts'
import { bundleMediaType, makeBundle } from '../../../src/sign/bundle.ts'
import { signEnvelope } from '../../../src/sign/dsse.ts'
import { attachCosignSignature } from '../../../src/sign/legacy.ts'
import { predicateTypes } from '../../../src/statement/types.ts'
import { readGraphTree, type Tree } from '../../../src/tasks/graph/tree.ts'
import { looseStatement } from '../../../testkit/loose-statement.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { putSmallImage, smallFiles } from '../../../testkit/small-image.ts'
import { newSigner } from '../../sign/fixtures.ts'

const hostile = 'application/x-"]; click n0 "https://evil.example"\u001b[31m<script>`'

async function tree(): Promise<{ tree: Tree; hint: string; digest: string }> {
  const store = openStore(parseReference(`oci:${scratch()}`, '/'), testPorts())
  const image = await putSmallImage(store, smallFiles)
  const signer = await newSigner()
  const statement = (digest: string, predicateType: string): Promise<unknown> =>
    signEnvelope(looseStatement('spdx', { name: 'x', digest: digest as typeof image.digest }, {}), signer).then(
      (envelope) => attachBundle(store, image, makeBundle(envelope, signer.hint), predicateType),
    )
  await statement(image.digest, predicateTypes.spdx)
  // An annotation that lies, and a statement about something else.
  await statement(`sha256:${'1'.repeat(64)}`, predicateTypes.provenance)
  await putArtifact(store, {
    artifactType: bundleMediaType,
    subject: image,
    layers: [{ mediaType: bundleMediaType, bytes: Buffer.from('{') }],
    annotations: { [bundleAnnotations.predicateType]: hostile },
  })
  const payload = Buffer.from('{}')
  await attachCosignSignature(store, image, [{ payload, signature: await signer.sign(payload) }])
  return { tree: await readGraphTree(store, image.digest), hint: signer.hint, digest: image.digest }
}

test('a tree says what each manifest is by its content, and what does not fit', async () => {
  const { tree: found, hint, digest } = await tree()
  expect(found).toMatchObject({
    manifests: 5,
    gaps: [],
    root: { facts: { kind: 'image', details: ['1 layer, 248 bytes'] } },
  })
  const facts = found.root.branches.map((branch) => branch.facts)
  const good = facts.find(({ type, notes }) => type === predicateTypes.spdx && notes.length === 0)
  expect(good).toEqual({
    kind: 'statement',
    payload: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    type: predicateTypes.spdx,
    signer: `key ${hint}`,
    signers: [hint],
    made: null,
    publishable: true,
    details: [],
    notes: [],
  })
  expect(facts.find(({ notes }) => notes.length === 2)?.notes).toEqual([
    `the annotation says ${predicateTypes.provenance}`,
    `speaks of sha256:${'1'.repeat(64)}, not of this manifest`,
  ])
  expect(facts.find(({ type }) => type === hostile)?.notes[0]).toMatch(/^cannot be read: /)
  expect(facts.at(-1)).toMatchObject({ kind: 'signatures', details: ['1 in the form of cosign 2'] })
  const text = treeText(found)
  expect(text.split('\n')[1]).toBe(`image  ${digest}`)
  expect(text).toContain(`└─ signatures  sha256:`)
  expect(text).toContain('5 manifests, none of them verified.')
})

test('foreign text in a tree is text in each form', async () => {
  const { tree: found } = await tree()
  expect(treeText(found)).not.toContain('\u001b')
  const mermaid = treeMermaid(found)
  expect(
    mermaid
      .split('\n')
      .filter((line) => line !== '' && !/^(flowchart LR|  n\d+\["[^"]*"\]|  n\d+ \S+ n\d+)$/.test(line)),
  ).toEqual([])
  expect(mermaid).not.toMatch(/<script|`/)
  const page = treeHtml(found)
  expect(page).not.toContain('<script')
  expect(page).not.toContain('\u001b')
  expect(page).toContain('&lt;script&gt;')
})
