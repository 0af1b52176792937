import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { door } from '../../src/actions/kbs-publish/main.ts'
import { openState } from '../../src/agent/state.ts'
import type { ActionResult } from '../../src/doors/context.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { imagePolicy } from '../../src/kbs/image-policy.ts'
import { parsePlan } from '../../src/kbs/plan.ts'
import { evaluateRule } from '../../src/kbs/rego/evaluate.ts'
import { parseRego } from '../../src/kbs/rego/parse.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { storedText } from '../../testkit/kbs-stored.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

const snp = 'aa'.repeat(48)
const key = 'kbs:///default/cosign-public-key/app'
const admit = `admit: [{technology: snp, measurements: [${snp}]}]`
const images = (...lines: string[]): string =>
  `image-policy:\n  ${admit}\n  images:\n${lines.map((line) => `    - {${line}}`).join('\n')}`
const app = `image: registry.example/team/app, key: "${key}"`

test('the policy refuses what it does not name, and binds each name to its key', () => {
  const policy: unknown = JSON.parse(
    imagePolicy({
      images: [
        { image: 'r.example/b', key: 'kbs:///a/b/2' },
        { image: 'r.example/a', key },
      ],
    }).toString(),
  )
  const signed = (keyPath: string): unknown => [
    { type: 'sigstoreSigned', keyPath, signedIdentity: { type: 'matchRepository' } },
  ]
  expect(policy).toEqual({
    default: [{ type: 'reject' }],
    transports: { docker: { 'r.example/a': signed(key), 'r.example/b': signed('kbs:///a/b/2') } },
  })
})

describe('kbs-publish', () => {
  let run: (plan: string) => Promise<ActionResult>
  let close: () => Promise<void>
  let directory: string
  let folder: string
  const written = (name: string): string => storedText(directory, `resources/${name}`)

  beforeEach(async () => {
    const ports = testPorts()
    directory = scratch('image-policy')
    folder = scratch('image-policy-job')
    const kbs = await startKbs({ directory, listen: '127.0.0.1:0', ports })
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(join(folder, 'cosign.pub'), publicKey.export({ type: 'spki', format: 'pem' }))
    const state = openState(join(folder, 'state'), ports)
    run = async (plan) => {
      writeFileSync(join(folder, 'plan.yml'), `version: 1\n${plan}\n`)
      const given: Record<string, string> = {
        'kbs-url': kbs.url,
        'admin-key': join(directory, 'admin-key.pem'),
        plan: join(folder, 'plan.yml'),
        mode: 'apply',
      }
      const inputs = { given: (name: string) => given[name], defaults: {}, ports, confine: null }
      return door.run(rawInputs({ ...inputs, label: (name) => name }), { ports, state })
    }
    close = () => kbs.close()
  })
  afterEach(() => close())

  test('policy and key stand where guests look, for admitted guests only', async () => {
    const result = await run(`replace-global: first\n${images(`${app}, public-key: ${join(folder, 'cosign.pub')}`)}`)
    expect(JSON.parse(written('default/security-policy/test'))).toMatchObject({ default: [{ type: 'reject' }] })
    expect(written('default/cosign-public-key/app')).toBe(readFileSync(join(folder, 'cosign.pub'), 'utf8'))
    const policy = parseRego(storedText(directory, 'resource-policy.rego'))
    const gives = (path: string, measurement: string): unknown =>
      evaluateRule(policy, 'allow', {
        data: { plugin: 'resource', 'resource-path': path.split('/') },
        input: {
          submods: {
            cpu0: {
              'ear.status': 'affirming',
              'ear.appraisal-policy-id': 'default',
              'ear.veraison.annotated-evidence': { snp: { measurement } },
            },
          },
        },
      })
    for (const path of ['default/security-policy/test', 'default/cosign-public-key/app']) {
      expect(gives(path, snp)).toBe(true)
      expect(gives(path, 'bb'.repeat(48))).toBe(false)
    }
    expect(JSON.stringify(result)).toContain('image_security_policy_uri')
  })

  test('a key file that is not there: nothing is written', async () => {
    const plan = `replace-global: first\n${images(`${app}, public-key: ${join(folder, 'none.pub')}`)}`
    await expect(run(plan)).rejects.toMatchObject({ code: 'file-missing' })
    expect(written('default/security-policy/test')).toBe('')
  })
})

test.each([
  [
    'a tag',
    images('image: "registry.example/team/app:1", key: kbs:///a/b/c'),
    'write HOST/NAME without tag and digest',
  ],
  ['no host', images('image: app, key: kbs:///a/b/c'), 'write HOST/NAME'],
  ['a name twice', images(app, app), 'is named twice'],
  [
    'two files for one key',
    images(`${app}, public-key: a`, `image: r.example/b, key: "${key}", public-key: b`),
    'has two',
  ],
  [
    'the key in the place of the policy',
    images('image: r.example/b, key: kbs:///default/security-policy/test'),
    'both the policy and a key',
  ],
  [
    'a resource of the same path',
    `${images(app)}\nresources: [{uri: "${key}", source: agent, ${admit}}]`,
    'a resource of this plan too',
  ],
  ['nobody who gets it', `image-policy: {images: [{${app}}]}`, 'nobody would get the policy'],
  ['no image', `image-policy: {images: [], ${admit}}`, 'image-policy'],
])('%s is refused in words of the plan, with its line', async (_, text, words) => {
  const parsing = parsePlan(`version: 1\n${text}\n`, 'plan.yml')
  await expect(parsing).rejects.toMatchObject({ code: 'file-invalid' })
  await expect(parsing).rejects.toThrow(words)
  await expect(parsing).rejects.toThrow(/line \d+/)
})
