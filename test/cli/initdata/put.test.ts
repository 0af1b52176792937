import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { collect } from '../../../src/base/streams.ts'
import { makeInitdata } from '../../../src/initdata/make.ts'
import { isIndex } from '../../../src/oci/manifest.ts'
import { isDigest } from '../../../src/oci/digest.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { runInProcess } from '../../../testkit/in-process.ts'
import { storeOf } from '../../sign/fixtures.ts'
import { agentPolicy } from '../../../src/deploy/agent-policy/write.ts'
import { wanted } from '../../deploy/agent-policy/requests.ts'
import { door } from '../tee/door.ts'

const dir = scratch('initdata-put')
const put = (name: string, content: string | Buffer): string => {
  writeFileSync(join(dir, name), content)
  return join(dir, name)
}
const initdata = put('initdata.toml', makeInitdata(new Map([['aa.toml', 'x = 1\n']])).bytes)
const layout = `oci:${join(dir, 'layout')}`

const kinds = [
  ['initdata', initdata, 'toml'],
  ['agent-policy', put('agent.rego', agentPolicy(wanted)), 'rego'],
  ['image-policy', put('image.json', '{"default":[{"type":"reject"}],"transports":{}}'), 'json'],
  ['resource-policy', put('resource.rego', 'package policy\n\ndefault allow := false\n'), 'rego'],
] as const

test.each(kinds)('%s becomes an artifact with one digest, which holds the file', async (kind, file, media) => {
  const done = await door('initdata put', file, '--kind', kind, '--to', `${layout}:${kind}`)
  expect(done.code).toBe(0)
  const again = await door('initdata put', file, '--kind', kind, '--to', `oci:${join(dir, 'other')}:${kind}`)
  expect(again.outputs['digest']).toBe(done.outputs['digest'])
  const digest = String(done.outputs['digest'])
  if (!isDigest(digest)) throw new Error(digest)
  const store = storeOf(layout, testPorts())
  const { content } = await store.getManifest(digest)
  if (isIndex(content)) throw new Error('an index')
  expect(content).toMatchObject({ artifactType: `application/vnd.sealwright.${kind}.v1` })
  const [layer] = content.layers
  expect(layer?.mediaType).toBe(`application/vnd.sealwright.${kind}.v1+${media}`)
  if (layer === undefined) throw new Error('no layer')
  expect(await collect(await store.openBlob(layer), 1 << 20, 'layer')).toEqual(readFileSync(file))
})

test.each(kinds)('what is not of the kind %s is not put', async (kind) => {
  const wrong = await door('initdata put', put('wrong', '<html>'), '--kind', kind, '--to', `${layout}:wrong`)
  expect(wrong.code).not.toBe(0)
  const files = kinds.filter(([other]) => other !== kind)
  for (const [, file] of files)
    expect((await door('initdata put', file, '--kind', kind, '--to', `${layout}:wrong`)).code).not.toBe(0)
})

test('without a tag it is wrong use', async () => {
  expect((await door('initdata put', initdata, '--to', layout)).error).toMatchObject({
    code: 'input-invalid',
    subject: 'to',
  })
})

test('it is signed as an image is, and the signature counts by its key alone', async () => {
  const ports = testPorts()
  const write = (name: string, text: string | Buffer): void => writeFileSync(join(ports.roots.cwd, name), text)
  for (const name of ['release', 'other']) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    write(`${name}.pem`, privateKey.export({ type: 'pkcs8', format: 'pem' }))
    write(`${name}.pub`, publicKey.export({ type: 'spki', format: 'pem' }))
  }
  const image = String((await door('initdata put', initdata, '--to', `${layout}:signed`)).outputs['image'])
  const sign = ['sign-attest', '--image', image, '--signer', 'key', '--key', 'release.pem', '--statements', 'sign']
  expect(await runInProcess(sign, ports)).toMatchObject({ outcome: 'done' })
  const verdicts = async (key: string): Promise<string> =>
    JSON.stringify((await runInProcess(['query', image, '--public-key', key, '--cache', 'none'], ports)).outputs)
  expect(await verdicts('release.pub')).toContain('"verdict":"verified"')
  expect(await verdicts('other.pub')).not.toContain('"verdict":"verified"')
})
