import { putArtifact } from '../../src/oci/artifact.ts'
import type { Descriptor } from '../../src/oci/types.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { publishableAnnotation } from '../../src/sign/publishable.ts'
import { makeKey } from '../../testkit/chain.ts'
import { looseStatement } from '../../testkit/loose-statement.ts'
import { scratch } from '../../testkit/ports.ts'
import { open, place, type Place } from './support.ts'

const text = Buffer.from('text')
const kind = 'application/vnd.example.report'

/** Attaches a report of a time. */
function report(
  { from }: Place,
  subject: Descriptor,
  name: string,
  annotations: Record<string, string> = {},
): Promise<Descriptor> {
  const layers = [{ mediaType: 'text/plain', bytes: Buffer.from(name) }]
  return putArtifact(open(from), { artifactType: kind, subject, layers, annotations })
}

test('what is marked as not publishable stays inside with all that hangs on it; an archive takes it', async () => {
  const made = await place()
  const inside = await report(made, made.base.subject, 'inside', { [publishableAnnotation]: 'false' })
  const on = await report(made, inside, 'on it')
  const { left, tagged } = await made.run(`oci:${scratch()}`)
  expect(tagged).toBe(true)
  expect(left.map(({ digest, reason }) => [digest, reason])).toEqual([
    [inside.digest, 'it is marked as not publishable'],
    [on.digest, `what it hangs on stays behind (${inside.digest})`],
  ])
  expect((await made.run(`oci:${scratch()}`, { class: 'archive' })).left).toEqual([])
})

test('a statement that says so itself stays inside, whatever its annotations say', async () => {
  const made = await place()
  const payload = looseStatement('test-result', made.base.subject, { publishable: false })
  const { signer } = makeKey()
  const bundle = makeBundle(await signEnvelope(payload, signer), signer.hint)
  const { digest } = await attachBundle(open(made.from), made.base.subject, bundle, 'https://example.org/other')
  expect((await made.run(`oci:${scratch()}`)).left).toMatchObject([
    { digest, reason: 'it is marked as not publishable' },
  ])
})

test('newest:N takes the newest of each kind on each manifest, and what states no time', async () => {
  const made = await place()
  const at = (day: number): Record<string, string> => ({
    'org.opencontainers.image.created': `2026-01-0${day}T00:00:00Z`,
  })
  const days = [2, 4, 1, 3]
  const reports = await Promise.all(days.map((day) => report(made, made.base.subject, `day ${day}`, at(day))))
  await report(made, made.base.subject, 'without a time')
  const [, fourth] = reports
  await report(made, fourth!, 'on the newest', at(1))
  const { left, tagged } = await made.run(`oci:${scratch()}`, { include: ['newest:2'] })
  expect(tagged).toBe(true)
  expect(left.map(({ digest }) => digest).sort()).toEqual([reports[0]!.digest, reports[2]!.digest].sort())
  const reason = left.find(({ digest }) => digest === reports[0]!.digest)?.reason
  expect(reason).toBe(
    'there are 2 newer ones of its kind: it is of 2026-01-02T00:00:00.000Z (by an annotation, which nobody signed)',
  )
})

test('newest counts among what the other rules take', async () => {
  const made = await place()
  const at = (day: number, team: string): Record<string, string> => ({
    team,
    'org.opencontainers.image.created': `2026-01-0${day}T00:00:00Z`,
  })
  const [old, recent] = await Promise.all([
    report(made, made.base.subject, 'old', at(1, 'a')),
    report(made, made.base.subject, 'recent', at(2, 'b')),
  ])
  const { left } = await made.run(`oci:${scratch()}`, { include: ['newest:1'], exclude: ['annotation:team=b'] })
  expect(left.map(({ digest }) => digest)).toEqual([recent.digest])
  expect(old.digest).not.toBe(recent.digest)
})

test('a dry run says what would be sent and what is there already', async () => {
  const made = await place()
  const to = `oci:${scratch()}`
  const before = await made.run(to, { dryRun: true })
  expect(before.cost).toMatchObject({ present: { blobs: 0, bytes: 0 }, mount: { blobs: 0, bytes: 0 } })
  expect(before.cost?.copy.bytes).toBeGreaterThan(1000)
  expect(before.cost?.manifests).toBe(before.copied.length)
  await made.run(to)
  const after = await made.run(to, { dryRun: true })
  expect(after.cost?.present).toEqual(before.cost?.copy)
  expect(after.cost?.copy).toEqual({ blobs: 0, bytes: 0 })
})

test('an image that is not whole ends the run, what is attached and not whole stays behind', async () => {
  const made = await place()
  const store = open(made.from)
  const broken = await putArtifact(store, {
    artifactType: kind,
    subject: made.base.subject,
    layers: [{ mediaType: 'text/plain', bytes: text }],
  })
  const { content } = await store.getManifest(broken.digest)
  const { rm } = await import('node:fs/promises')
  const [layer] = 'layers' in content ? content.layers : []
  await rm(`${made.from.replace(/^oci:|:latest$/g, '')}/blobs/sha256/${layer!.digest.slice(7)}`)
  const done = await made.run(`oci:${scratch()}`)
  expect(done.tagged).toBe(true)
  expect(done.left).toMatchObject([
    { digest: broken.digest, reason: expect.stringMatching(/^it is not whole: /) as unknown },
  ])
})
