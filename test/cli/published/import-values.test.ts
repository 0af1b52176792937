import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { importValues } from '../../../src/cli/published/import-values.ts'
import { importValuesOptions } from '../../../src/cli/published/entries.ts'
import { parseReferenceValues } from '../../../src/tee/reference/values.ts'
import { bundleBytes, signKeyed, signKeyless } from '../../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  trustedRootOf,
  workflowSan,
} from '../../../testkit/sigstore/instance.ts'
import { makeKey } from '../../../testkit/tee/pki/pki.ts'
import { commandLine, type Given } from '../tee/given.ts'

const { here, put, run } = commandLine()
const published = Buffer.from(
  JSON.stringify({
    snp_measurement: 'ab'.repeat(48),
    tdx_measurement: { rtmr1: 'cd'.repeat(48), rtmr2: 'ef'.repeat(48) },
  }),
)
const file = put('tinfoil-deployment.json', published)
const key = makeKey('P-256')
const pem = put('key.pub', key.publicKey.export({ format: 'pem', type: 'spki' }))
const otherPem = put('other.pub', makeKey('P-256').publicKey.export({ format: 'pem', type: 'spki' }))
const sigstore = makeSigstore()
const at = (seconds: number): Date => new Date(Date.now() + seconds * 1000)
const leaf = makeLeaf(sigstore, { from: at(-120), to: at(480), sctTime: at(-60) })
const about = { artifact: published, stampAt: at(-60) }
const keyed = put('keyed.json', bundleBytes(signKeyed(sigstore, key, about)))
const keyless = put('keyless.json', bundleBytes(signKeyless(sigstore, leaf, about)))
const root = put('root.json', trustedRootOf(sigstore))
let count = 0

async function imported(given: Given): Promise<ReturnType<typeof parseReferenceValues>> {
  const output = join(here, `values-${count++}.json`)
  await run(importValues, importValuesOptions, { file, technology: 'snp', output, ...given })
  return parseReferenceValues(readFileSync(output), 'document')
}

test('a file that the pinned key signed becomes a document that names key and file', async () => {
  const found = await imported({
    bundle: keyed,
    'public-key': pem,
    name: 'guest-1',
    'not-after': '2030-01-01T00:00:00Z',
  })
  expect(found).toMatchObject({ name: 'guest-1', technology: 'snp', 'not-after': '2030-01-01T00:00:00Z' })
  expect(found.values[0]?.measured).toEqual({ measurement: 'ab'.repeat(48) })
  expect(found.inputs['published']).toMatchObject({ name: 'tinfoil-deployment.json' })
  expect(found.inputs['signature']?.name).toMatch(/^public key /)
})

test('a file that the expected workflow signed names its identity', async () => {
  const signer = { identity: workflowSan, issuer: actionsIssuer, 'trusted-root': root }
  const found = await imported({ bundle: keyless, ...signer })
  expect(found.inputs['signature']?.name).toContain(workflowSan)
  const other = imported({ bundle: keyless, ...signer, identity: `${workflowSan}x` })
  await expect(other).rejects.toMatchObject({ code: 'identity-mismatch' })
})

test('another key and another file are refused', async () => {
  await expect(imported({ bundle: keyed, 'public-key': otherPem })).rejects.toMatchObject({ code: 'signature-invalid' })
  const changed = put('changed.json', Buffer.concat([published, Buffer.from('\n')]))
  const verdict = imported({ file: changed, bundle: keyed, 'public-key': pem })
  await expect(verdict).rejects.toMatchObject({ code: 'subject-mismatch' })
})

test('what nobody signed is imported only on request, and never with half a signer', async () => {
  await expect(imported({})).rejects.toMatchObject({ code: 'input-missing', subject: 'bundle' })
  await expect(imported({ 'public-key': pem, accept: 'unsigned' })).rejects.toMatchObject({ subject: 'bundle' })
  await expect(imported({ bundle: keyed, 'public-key': pem, accept: 'unsigned' })).rejects.toMatchObject({
    subject: 'accept',
  })
  await expect(imported({ bundle: keyed })).rejects.toMatchObject({ code: 'input-invalid' })
  await expect(imported({ accept: 'all' })).rejects.toMatchObject({ subject: 'accept' })
  const found = await imported({ accept: 'unsigned' })
  expect(Object.keys(found.inputs)).toEqual(['published'])
})

test('a firmware value that the file leaves out is added, and `covers` then may name the firmware', async () => {
  const given = { technology: 'tdx', accept: 'unsigned', covers: 'firmware,kernel' }
  await expect(imported(given)).rejects.toMatchObject({ subject: 'covers' })
  const found = await imported({ ...given, captured: `mr-td=${'12'.repeat(48)}` })
  expect(Object.keys(found.values[0]?.measured ?? {}).sort()).toEqual(['mr-td', 'rtmr1', 'rtmr2'])
})

test('`pick` has to have its form, and a foreign file is an input', async () => {
  await expect(imported({ accept: 'unsigned', pick: 'pcr11' })).rejects.toMatchObject({ subject: 'pick' })
  const other = put('other.json', '{"a":1}')
  await expect(imported({ accept: 'unsigned', file: other })).rejects.toMatchObject({ code: 'file-invalid' })
})
