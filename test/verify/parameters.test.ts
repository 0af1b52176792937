import type { JsonValue } from '../../src/base/json.ts'
import { eventDigest, type EventDraft } from '../../src/journal/event.ts'
import { initPolicy } from '../../src/verify/init/init.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { refusedParameters, type Asked } from '../../src/verify/parameters.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { at } from '../../testkit/chain.ts'
import { issuer, judge, make, now, ports, provenance } from '../../testkit/judged.ts'
import { event } from '../../testkit/small-image.ts'

/** TRUST §5.8: parameters are inputs of the attacker. */
const asked = (change: Record<string, JsonValue>) =>
  provenance((predicate) => void Object.assign(at(predicate, 'buildDefinition', 'externalParameters'), change))

test.each<[string, Record<string, JsonValue>, Record<string, unknown>]>([
  ['a command', { prepare: 'echo evil' }, { prepare: 'echo evil' }],
  [
    'another committed Containerfile',
    { file: 'test/Containerfile.debug' },
    { file: ['Containerfile', 'test/Containerfile.debug'] },
  ],
  [
    'the Dockerfile beside the Containerfile',
    { file: 'Dockerfile', fileByDefault: false },
    { file: ['Dockerfile', 'Containerfile'] },
  ],
  ['another folder', { context: 'fixtures', file: 'fixtures/Dockerfile' }, { context: 'fixtures' }],
  ['a build argument', { buildArgs: { DEBUG: '1' } }, { 'build-args': { DEBUG: ['0', '1'] } }],
  ['any value of a build argument', { buildArgs: { VERSION: '1.2' } }, { 'build-args': { VERSION: '*' } }],
  ['an earlier stage', { target: 'builder' }, { target: 'builder' }],
  ['the network of the machine', { network: 'host' }, { network: 'host' }],
  ['a filtered network', { network: 'default' }, { network: 'host' }],
  ['a secret', { secrets: ['npm'] }, { secrets: ['npm'] }],
  [
    'a command with programs of a folder of the job',
    { prepare: 'npm ci', path: ['/home/runner/bin', 'tool-cache/node/24/bin'] },
    { prepare: 'npm ci', path: ['tool-cache/node/24/bin', '/home/runner/bin'] },
  ],
  ['a cache', { cache: `sha256:${'1'.repeat(64)}` }, { cache: ['*'] }],
])('a build that was asked for %s is refused unless the policy names it', async (_name, change, build) => {
  const made = await make(asked(change))
  expect((await judge(made)).reasons).toEqual(['parameters-refused'])
  expect((await judge(made, { build })).reasons).toEqual([])
})

test.each<[string, Record<string, JsonValue>, Record<string, unknown>]>([
  ['another command', { prepare: 'make; curl evil' }, { prepare: 'make' }],
  ['a file outside of the named context', { context: 'app', file: 'Containerfile' }, { context: 'app' }],
  ['another value', { buildArgs: { DEBUG: '2' } }, { 'build-args': { DEBUG: ['0', '1'] } }],
  ['an argument of a built-in name', { buildArgs: { constructor: '1' } }, { 'build-args': { DEBUG: '*' } }],
  ['more network', { network: 'host' }, { network: 'default' }],
  ['an unknown network', { network: 'bridge' }, { network: 'host' }],
  ['other programs of the command', { prepare: 'make', path: ['/tmp/evil'] }, { prepare: 'make', path: ['/opt/bin'] }],
  ['programs of the command that nobody named', { prepare: 'make', path: ['/tmp/evil'] }, { prepare: 'make' }],
  ['a path that is not told', { prepare: 'make', path: null }, { prepare: 'make', path: ['/opt/bin'] }],
  ['another secret', { secrets: ['npm', 'ssh'] }, { secrets: ['npm'] }],
])('%s than the policy names is refused', async (_name, change, build) => {
  expect((await judge(await make(asked(change)), { build })).reasons).toEqual(['parameters-refused'])
})

test.each(['prepare', 'buildArgs', 'target', 'network', 'secrets', 'cache', 'file', 'fileByDefault', 'context'])(
  'provenance that does not tell %s is refused',
  async (name) => {
    const made = await make(
      provenance((predicate) => void delete at(predicate, 'buildDefinition', 'externalParameters')[name]),
    )
    expect((await judge(made)).reasons).toEqual(['parameters-refused'])
  },
)

test('a Dockerfile that is the only one needs no word of the policy', async () => {
  const made = await make(asked({ file: 'Dockerfile', fileByDefault: true }))
  expect((await judge(made)).reasons).toEqual([])
})

describe('a base', () => {
  const digest: `sha256:${string}` = `sha256:${'5'.repeat(64)}`
  const plain = {
    context: '.',
    file: 'Containerfile',
    fileByDefault: true,
    target: null,
    buildArgs: {},
    prepare: null,
    network: 'none',
    secrets: [],
    cache: null,
  }
  const source = { commit: 'c'.repeat(40), clean: true }
  const image = (name: string): Asked => ({ parameters: plain, bases: [{ name, digest }], source })
  const built = (parameters: Record<string, JsonValue>, bases: [string, string][] = []) => {
    const draft: EventDraft = event('build', bases, [['image', digest]], {
      parameters: { ...plain, source, ...parameters },
    })
    return { v: 1, seq: 1, prev: null, ...draft } as const
  }
  test('of a registry is fixed by the commit; one of a folder of the job must be built there or named', () => {
    expect(refusedParameters(image('registry.example/base'), {}, [])).toEqual([])
    expect(refusedParameters(image('localhost:5000/base'), {}, [])).toEqual([])
    expect(refusedParameters(image('localhost/base'), {}, []).join()).toContain('of a folder of the job')
    expect(refusedParameters(image('localhost/base'), { bases: ['localhost/base'] }, [])).toEqual([])
    expect(refusedParameters(image('localhost/base'), { bases: [digest] }, [])).toEqual([])
    expect(refusedParameters(image('localhost/base'), { bases: ['localhost/other'] }, [])).toHaveLength(1)
  })
  test('that the job built is judged by its own build', () => {
    const judged = (...args: Parameters<typeof built>) =>
      refusedParameters(image('localhost/base'), {}, [built(...args)]).join()
    expect(judged({})).toBe('')
    expect(judged({ prepare: 'echo evil' })).toMatch(/built in this job: prepare is "echo evil"/)
    expect(judged({ source: { commit: 'd'.repeat(40), clean: true } })).toContain('its source is')
    expect(judged({ source: { ...source, clean: false } })).toContain('not clean')
    expect(judged({ network: 'host' })).toContain('network')
    expect(judged({}, [['base', `sha256:${'6'.repeat(64)}`]])).toBe('')
    const silent = { ...built({}), result: {} }
    expect(refusedParameters(image('localhost/base'), {}, [silent]).join()).toContain('does not say')
    const loop = { ...built({}), inputs: [{ role: 'base', name: 'localhost/base', digest, mediaType: '' }] }
    expect(refusedParameters(image('localhost/base'), {}, [loop]).join()).toContain('of a folder of the job')
    expect(eventDigest(loop)).toMatch(/^sha256:/)
  })
})

test('policy init writes what the image was asked for, line by line, and nothing for nothing', async () => {
  const init = async (made: Awaited<ReturnType<typeof make>>) =>
    (await initPolicy(made.reference, { publicKeys: [], jwks: issuer.jwks }, ports)).text
  expect(await init(await make())).not.toContain('build:')
  const made = await make(
    asked({
      prepare: 'npm ci # "x"\nboth',
      context: 'app',
      file: 'app/my.file',
      target: 't',
      buildArgs: { A: '1' },
      network: 'host',
      secrets: ['npm'],
    }),
  )
  const text = await init(made)
  const policy = await parsePolicy(text, '/policy.yml')
  expect(policy.document.build).toEqual({
    prepare: ['npm ci # "x"\nboth'],
    target: ['t'],
    context: ['app'],
    file: ['app/my.file'],
    secrets: ['npm'],
    'build-args': { A: ['1'] },
    network: 'host',
  })
  expect((await verifyImage(made.reference, policy, { at: now }, ports)).reasons).toEqual([])
})
