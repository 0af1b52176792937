import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CborValue } from '../../../src/encoding/cbor/types.ts'
import { encodeCbor } from '../../../src/encoding/cbor/write.ts'
import { leafHash } from '../../../src/log/merkle.ts'
import { attachReceipt, attachStatement } from '../../../src/log/scitt/attach.ts'
import { writeReceipt } from '../../../src/log/scitt/issue.ts'
import { statementMediaType, writeStatement } from '../../../src/log/scitt/statement.ts'
import { registeredForm } from '../../../src/log/scitt/verify.ts'
import { putArtifact } from '../../../src/oci/artifact.ts'
import type { Descriptor } from '../../../src/oci/types.ts'
import { parseSign1, withUnprotected } from '../../../src/sign/cose/sign1.ts'
import { coseSigner, writeSign1, type CoseSigner } from '../../../src/sign/cose/write.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { putImage, storeOf } from '../../sign/fixtures.ts'
import { door } from '../tee/door.ts'

interface Listed {
  statements: {
    image: string
    tags: string[]
    issuer: string
    subject: string | null
    feed: string | null
    'content-type': string | null
    digest: string | null
    verified: boolean | null
    why: string | null
    receipts: { status: string; service: string | null }[]
  }[]
  unreadable: string[]
}
const ports = testPorts()
const list = (...args: string[]) => door<Listed>('scitt list', ...args)

function party(): { signer: CoseSigner; file: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const file = join(scratch('key'), 'key.pub')
  writeFileSync(file, publicKey.export({ format: 'pem', type: 'spki' }))
  return { signer: coseSigner(privateKey, publicKey), file }
}

const [alice, bob, log] = [party(), party(), party()]

/** A layout with two tagged images: statements of alice and bob, one registered, one in the older form, and noise. */
async function layout() {
  const directory = join(scratch('list'), 'layout')
  const store = storeOf(`oci:${directory}`, ports)
  const image = await putImage(store, 'one')
  await store.tag('same', image.digest)
  const other: Descriptor = await putArtifact(store, {
    artifactType: 'application/x-other',
    layers: [{ mediaType: 'text/plain', bytes: Buffer.from('other') }],
  })
  await store.tag('two', other.digest)
  const statement = (by: CoseSigner, subject: string, contentType: string): Promise<Buffer> =>
    writeStatement(
      { subject, content: Buffer.from('x'), contentType, issuedAt: new Date('2026-01-02T03:04:05.678Z'), chain: null },
      by,
    )
  const first = await statement(alice.signer, 'ghcr.io/owner/app', 'application/json')
  const manifest = await attachStatement(store, image, first)
  const head = { size: 1, root: leafHash(registeredForm(parseSign1(first, 'it'))) }
  await attachReceipt(
    store,
    manifest,
    await writeReceipt(
      { issuer: 'https://log', subject: 'a', issuedAt: new Date(), index: 0, head, proof: [] },
      log.signer,
    ),
  )
  await attachStatement(store, other, await statement(bob.signer, 'ghcr.io/owner/lib', 'text/plain'))
  const older = await writeSign1(
    {
      protected: new Map<CborValue, CborValue>([
        [15, new Map([[1, 'https://old']])],
        ['feed', 'vendor/old'],
      ]),
      payload: Buffer.from('content'),
    },
    bob.signer,
  )
  await attachStatement(store, other, older)
  const crowded = encodeCbor(new Map([[394, Array.from({ length: 33 }, () => Buffer.from('noise'))]]))
  const full = await attachStatement(store, other, withUnprotected(parseSign1(first, 'it'), crowded))
  const noise = { mediaType: statementMediaType, bytes: Buffer.from('noise') }
  const broken = await putArtifact(store, { artifactType: statementMediaType, subject: other, layers: [noise] })
  return { reference: `oci:${directory}`, image, other, broken: [broken.digest, full.digest].sort() }
}

test('statements of one image are listed with what they say, and nothing is called verified', async () => {
  const { reference, image } = await layout()
  const { code, outputs, text } = await list(`${reference}:one`)
  expect([code, outputs.statements, outputs.unreadable]).toMatchObject([
    0,
    [
      {
        image: image.digest,
        tags: ['one'],
        subject: 'ghcr.io/owner/app',
        'content-type': 'application/json',
        digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
        verified: null,
        receipts: [{ status: 'unknown-service', service: null }],
      },
    ],
    [],
  ])
  expect(text).toMatch(
    /^IMAGE {2}VERIFIED .*\none {4}not checked {2}2026-01-02T03:04:05Z {2}application\/json {2}1 not verified /,
  )
})

test('all tags of a repository are listed, each image once', async () => {
  const { reference, broken } = await layout()
  const { outputs } = await list(reference, '--all-tags')
  expect(outputs.statements.map(({ tags, subject, feed }) => [tags.join(' '), subject, feed]).sort()).toEqual([
    ['one same', 'ghcr.io/owner/app', null],
    ['two', null, 'vendor/old'],
    ['two', 'ghcr.io/owner/lib', null],
  ])
  expect(outputs.unreadable).toEqual(broken)
  expect((await list(`${reference}:one`, '--all-tags')).error?.message).toMatch(/names one image/)
})

test.each<[string, string[], (string | null)[]]>([
  ['a subject', ['--subject', 'ghcr.io/owner/app'], ['ghcr.io/owner/app']],
  ['a pattern of subjects', ['--subject', 'ghcr.io/owner/*'], ['ghcr.io/owner/app', 'ghcr.io/owner/lib']],
  ['a pattern that stops at a slash', ['--subject', 'ghcr.io/*'], []],
  ['an issuer', ['--issuer', 'https://old'], [null]],
  ['a feed', ['--feed', 'vendor/*'], [null]],
  ['a content type', ['--type', 'text/plain'], ['ghcr.io/owner/lib']],
  ['two of them', ['--type', 'text/plain', '--subject', 'ghcr.io/owner/app'], []],
])('statements are selected by %s', async (_, args, subjects) => {
  const { reference } = await layout()
  const { outputs } = await list(reference, '--all-tags', ...args)
  expect(outputs.statements.map(({ subject }) => subject).sort()).toEqual(subjects)
})

test('with keys every row says whether it is verified, and why it is not', async () => {
  const { reference } = await layout()
  const { outputs, text } = await list(reference, '--all-tags', '--public-key', alice.file, '--service', log.file)
  const rows = outputs.statements.map(({ subject, verified, why, receipts }) => [
    subject,
    verified,
    why === null ? null : why.split(':')[0],
    receipts.map(({ status }) => status).join(),
  ])
  expect(rows.sort()).toEqual([
    [null, false, 'signature', ''],
    ['ghcr.io/owner/app', true, null, 'verified'],
    ['ghcr.io/owner/lib', false, 'signature', ''],
  ])
  expect(text).toMatch(/one,same {2}yes .* key\.pub /)
  expect(text).toMatch(/\ntwo +NO /)
})
