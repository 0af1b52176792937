import { attachCosignSignature } from '../../src/sign/legacy.ts'
import { simpleSigningPayload } from '../../src/sign/simple-signing.ts'
import { makeKey } from '../../testkit/chain.ts'
import { scratch } from '../../testkit/ports.ts'
import { putSmallImage } from '../../testkit/small-image.ts'
import { open, place } from './support.ts'

// Tags that name a digest and are not cosign's: what they mean at another place is not known.

test('what stands under the tag of another tool stays behind with the reason, and is no image of a subscription', async () => {
  const made = await place()
  const source = open(made.from)
  const tag = `${made.digest.replace(':', '-')}.vex`
  const other = await putSmallImage(source, { 'vex.json': '{}' }, tag)
  const to = `oci:${scratch()}`
  const { left, tagged } = await made.run(to)
  expect(tagged).toBe(true)
  expect(left).toMatchObject([
    { digest: other.digest, tag, reason: `its tag ${tag} is none of cosign's (.sig, .att, .sbom)` },
  ])
  expect(await open(to).tags()).toEqual(['latest'])
  expect(await open(to).resolve({ digest: other.digest })).toBeNull()
})

test('another tag on the signature does not keep the signature back', async () => {
  const made = await place()
  const source = open(made.from)
  const { signer } = makeKey()
  const payload = simpleSigningPayload({ dockerReference: 'localhost/app', digest: made.digest })
  await attachCosignSignature(source, made.base.subject, [{ payload, signature: await signer.sign(payload) }])
  const stem = made.digest.replace(':', '-')
  const signature = (await source.resolve({ tag: `${stem}.sig` }))!
  await source.tag(`${stem}.aaa`, signature.digest)
  // Listed after the other one.
  await source.tag(`${stem}.sig`, made.digest)
  await source.tag(`${stem}.sig`, signature.digest)
  const to = `oci:${scratch()}`
  const { left } = await made.run(to)
  expect(left).toEqual([])
  expect((await open(to).resolve({ tag: `${stem}.sig` }))?.digest).toBe(signature.digest)
  expect((await open(to).tags()).sort()).toEqual(['latest', `${stem}.sig`])
})

test('a fallback tag is not copied as a tag, whatever stands there', async () => {
  const made = await place()
  const source = open(made.from)
  const tag = made.digest.replace(':', '-')
  await putSmallImage(source, { 'other.txt': 'an image under the name of a listing' }, tag)
  const to = `oci:${scratch()}`
  await made.run(to)
  expect(await open(to).tags()).toEqual(['latest'])
})

test.each(['', '.sig', '.vex'])(
  'an image is not promoted under the tag of what is attached: sha256-HEX%s',
  async (end) => {
    const made = await place()
    const tag = `sha256-${'a'.repeat(64)}${end}`
    const to = `oci:${scratch()}`
    const refused = { code: 'reference-invalid', subject: 'to' }
    await expect(made.run(`${to}:${tag}`)).rejects.toMatchObject(refused)
    // By default the tag is that of the source.
    await open(made.from).tag(tag, made.digest)
    const from = made.from.replace(/:latest$/, `:${tag}`)
    await expect(made.run(to, { from })).rejects.toMatchObject(refused)
    await expect(open(to).tags()).rejects.toMatchObject({ code: 'not-found' })
  },
)
