import { askKbs } from '../../src/guests/kbs.ts'
import { coco } from '../../src/guests/readers/coco.ts'
import type { KbsFacts } from '../../src/guests/types.ts'
import { mediaTypes } from '../../src/oci/types.ts'
import { fakeHttp, testPorts } from '../../testkit/ports.ts'
import { factsOf, kbsKeys, layout, nobody, putShape } from './support.ts'

const uri = 'kbs:///example/key/app'

/** A KBS of two answers: to the request for a challenge, and to a read without evidence. */
function answering(auth: [number, string], resource: number): { asked: string[]; ports: ReturnType<typeof testPorts> } {
  const asked: string[] = []
  const http = fakeHttp(async (url) => {
    asked.push(url)
    return url.endsWith('/auth') ? new Response(auth[1], { status: auth[0] }) : new Response('', { status: resource })
  })
  return { asked, ports: testPorts({ http }) }
}

const challenge: [number, string] = [200, '{"nonce":"AA==","extra-params":""}']

test('a KBS is asked for a challenge, and for each key without evidence', async () => {
  const { asked, ports } = answering(challenge, 401)
  expect(await askKbs('https://kbs.example/', [uri], ports)).toEqual({
    url: 'https://kbs.example',
    loopback: false,
    fault: null,
    open: [],
  })
  expect(asked).toEqual(['https://kbs.example/kbs/v0/auth', 'https://kbs.example/kbs/v0/resource/example/key/app'])
})

test.each<[string, [number, string], string]>([
  [
    'another version of the protocol',
    [401, '{"type":"https://github.com/confidential-containers/kbs/errors/X","detail":"expect =0.3.0"}'],
    'status 401: expect =0.3.0',
  ],
  ['a page', [200, '<html>'], 'status 200'],
  ['no nonce', [200, '{}'], 'status 200'],
])('%s is no KBS of guests', async (_what, auth, why) => {
  const { ports } = answering(auth, 401)
  expect((await askKbs('https://kbs.example', [uri], ports)).fault).toContain(why)
})

test('a key that anybody gets is told', async () => {
  const { ports } = answering(challenge, 200)
  expect((await askKbs('https://kbs.example', [uri], ports)).open).toEqual([uri])
})

const good: KbsFacts = { url: 'https://kbs.example', loopback: false, fault: null, open: [] }
test.each<[string, KbsFacts | null, string[]]>([
  ['not asked', null, ['note']],
  ['good', good, ['note']],
  ['not one', { ...good, fault: 'no challenge' }, ['fails']],
  ['on loopback', { ...good, loopback: true }, ['fails', 'note']],
  ['open', { ...good, open: [uri] }, ['fails', 'note']],
  ['open for another image', { ...good, open: ['kbs:///a/b/c'] }, ['note']],
])('a guest of a KBS that is %s', async (_what, kbs, effects) => {
  const ports = testPorts()
  await putShape(layout(ports), 'it', [{ type: `${mediaTypes.layerGzip}+encrypted`, annotations: kbsKeys(uri) }])
  const found = coco.judge(await factsOf(ports, 'it'), { ...nobody, kbs }).filter(({ code }) => code === 'kbs')
  expect(found.map(({ effect }) => effect)).toEqual(effects)
  expect(found.at(-1)?.why).toContain(kbs?.fault ?? uri)
})

test('an image in clear asks no KBS', async () => {
  const ports = testPorts()
  await putShape(layout(ports), 'it')
  const found = coco.judge(await factsOf(ports, 'it'), { ...nobody, kbs: { ...good, fault: 'gone' } })
  expect(found.filter(({ code }) => code === 'kbs')).toEqual([])
})
