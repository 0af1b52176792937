import { createHash, generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { door as kbsPublish } from '../../src/actions/kbs-publish/main.ts'
import { openState } from '../../src/agent/state.ts'
import type { ActionResult } from '../../src/doors/context.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { fromInitdataAnnotation } from '../../src/initdata/annotation.ts'
import { initdataClaim } from '../../src/initdata/claim.ts'
import { makeInitdata } from '../../src/initdata/make.ts'
import { parsePlan } from '../../src/kbs/plan.ts'
import { evaluateRule } from '../../src/kbs/rego/evaluate.ts'
import { parseRego } from '../../src/kbs/rego/parse.ts'
import { readSealedSecret, readVerificationKey, verifySealedSecret } from '../../src/kbs/sealed-secret.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { storedText } from '../../testkit/kbs-stored.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

// Plans with initdata and sealed secrets, on our own KBS as somebody else's.

const measurements = { snp: 'aa'.repeat(48), tdx: 'bb'.repeat(48), tpm: 'cc'.repeat(32) }
type Kind = keyof typeof measurements
const admit = `admit: [${Object.entries(measurements)
  .map(([technology, one]) => `{technology: ${technology}, measurements: [${one}]}`)
  .join(', ')}]`
const uri = 'kbs:///team/secret/db'
const keyUri = 'kbs:///team/sealing-key/1'
const strict = makeInitdata(
  new Map([['policy.rego', 'package agent_policy\ndefault CreateContainerRequest := false\n']]),
)
const other = makeInitdata(new Map([['policy.rego', 'package agent_policy\ndefault CreateContainerRequest := true\n']]))
const digestOf = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest()

let run: (plan: string, mode?: string, replaces?: string) => Promise<ActionResult>
let close: () => Promise<void>
let directory: string
let folder: string
const put = (name: string, content: string | Buffer): string => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}
const written = (path: string): string => storedText(directory, `resources/${path}`)

/** What `replace-global` names: the policy that stands. */
const standing = (): string =>
  `sha256:${digestOf(Buffer.from(storedText(directory, 'resource-policy.rego'))).toString('hex')}`

/** Whether the policy that stands gives a resource to a guest with this claim. */
function gives(path: string, technology: Kind, initData: string | null): unknown {
  const policy = parseRego(storedText(directory, 'resource-policy.rego'))
  const claims = {
    snp: { measurement: measurements.snp },
    tdx: { quote: { body: { mr_td: measurements.tdx } } },
    tpm: { pcr11: measurements.tpm },
  }
  const annotated = { [technology]: claims[technology], ...(initData === null ? {} : { init_data: initData }) }
  return evaluateRule(policy, 'allow', {
    data: { plugin: 'resource', 'resource-path': path.split('/') },
    input: { submods: { cpu0: { 'ear.status': 'affirming', 'ear.veraison.annotated-evidence': annotated } } },
  })
}

beforeEach(async () => {
  const ports = testPorts()
  directory = scratch('plan-initdata')
  folder = scratch('plan-initdata-job')
  const kbs = await startKbs({ directory, listen: '127.0.0.1:0', ports })
  const state = openState(join(folder, 'state'), ports)
  put('db.txt', 'marked secret')
  put('initdata.toml', strict.bytes)
  put('other.toml', other.bytes)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  put('sealing.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }))
  run = async (plan, mode = 'apply', replaces = 'first') => {
    const given: Record<string, string> = {
      'kbs-url': kbs.url,
      'admin-key': join(directory, 'admin-key.pem'),
      plan: put('plan.yml', `version: 1\nreplace-global: ${replaces}\n${plan.replaceAll('FOLDER', folder)}\n`),
      mode,
    }
    const inputs = { given: (name: string) => given[name], defaults: {}, ports, confine: null }
    return kbsPublish.run(rawInputs({ ...inputs, label: (name) => name }), { ports, state })
  }
  close = () => kbs.close()
})
afterEach(() => close())

const resources = `resources: [{uri: "${uri}", source: "file:FOLDER/db.txt", ${admit}}]`
const sealed = (more = `key: "file:FOLDER/sealing.pem", ${admit}`): string =>
  `sealed-secrets: [{uri: "${uri}", source: "file:FOLDER/db.txt", key-uri: "${keyUri}", ${more}}]`

describe('a plan with initdata', () => {
  test('gives its secrets to guests that were started with it, on each platform', async () => {
    const { outputs } = await run(`initdata: [FOLDER/initdata.toml]\n${resources}`)
    const digest = digestOf(strict.bytes)
    const pcr8 = createHash('sha256').update(Buffer.alloc(32)).update(digest).digest('hex')
    const claims = { snp: digest.toString('hex'), tdx: digest.toString('hex') + '0'.repeat(32), tpm: pcr8 }
    for (const technology of ['snp', 'tdx', 'tpm'] as const) {
      expect(initdataClaim(digest, technology)).toBe(claims[technology])
      expect(gives('team/secret/db', technology, claims[technology])).toBe(true)
      expect(gives('team/secret/db', technology, initdataClaim(digestOf(other.bytes), technology))).toBe(false)
      expect(gives('team/secret/db', technology, null)).toBe(false)
    }
    expect(fromInitdataAnnotation(outputs['initdata'] ?? '')).toEqual(strict.bytes)
  })

  test('takes several documents, and a rule keeps the values that it names itself', async () => {
    const own = `admit: [{technology: snp, measurements: [${measurements.snp}], initdata: ["${'0'.repeat(64)}"]}]`
    const two = `initdata: [FOLDER/initdata.toml, FOLDER/other.toml]\n${resources.slice(0, -1)}, {uri: "kbs:///team/secret/own", source: "file:FOLDER/db.txt", ${own}}]`
    const { outputs, report } = await run(two)
    for (const { bytes } of [strict, other])
      expect(gives('team/secret/db', 'snp', initdataClaim(digestOf(bytes), 'snp'))).toBe(true)
    expect(gives('team/secret/own', 'snp', strict.digest)).toBe(false)
    expect(gives('team/secret/own', 'snp', '0'.repeat(64))).toBe(true)
    expect(fromInitdataAnnotation(outputs['initdata'] ?? '')).toEqual(strict.bytes)
    expect(JSON.stringify(report)).toContain('other.toml, agent policy: It always allows CreateContainerRequest')
    expect(JSON.stringify(report)).not.toContain('initdata.toml, agent policy')
  })

  test.each([
    ['a document that is not there', 'none.toml', 'file-missing'],
    ['a file that is no document', 'db.txt', 'format-invalid'],
  ])('%s is refused before anything is written', async (_, name, code) => {
    await expect(run(`initdata: [FOLDER/${name}]\n${resources}`)).rejects.toMatchObject({ code })
    expect(written('team/secret/db')).toBe('')
  })

  test('a digest that the hardware does not keep whole is refused', async () => {
    put('long.toml', makeInitdata(new Map([['a', 'b']]), 'sha512').bytes)
    await expect(run(`initdata: [FOLDER/long.toml]\n${resources}`)).rejects.toMatchObject({ code: 'format-invalid' })
  })
})

describe('a plan with sealed secrets', () => {
  test('writes secret and public key for the same guests, and gives the sealed text', async () => {
    const { outputs, report } = await run(`initdata: [FOLDER/initdata.toml]\n${sealed()}`)
    const texts = JSON.parse(readFileSync(outputs['sealed-secrets-path'] ?? '', 'utf8')) as Record<string, string>
    expect(Object.keys(texts)).toEqual([uri])
    const secret = readSealedSecret(Buffer.from(texts[uri] ?? ''), 'secret')
    verifySealedSecret(secret, readVerificationKey(Buffer.from(written('team/sealing-key/1')), 'key'), 'secret')
    expect(secret).toMatchObject({ kid: keyUri, content: { type: 'vault', name: uri } })
    expect(written('team/secret/db')).toBe('marked secret')
    for (const path of ['team/secret/db', 'team/sealing-key/1']) {
      expect(gives(path, 'snp', strict.digest)).toBe(true)
      expect(gives(path, 'snp', other.digest)).toBe(false)
    }
    expect(JSON.stringify(report)).not.toContain('marked')
    expect((await run(sealed(), 'plan', standing())).outputs['sealed-secrets-path']).toBe('')
  })

  test('that is taken out of the plan is closed', async () => {
    await run(sealed())
    expect(gives('team/secret/db', 'snp', null)).toBe(true)
    await run(resources.replace(uri, 'kbs:///team/secret/x'), 'apply', standing())
    expect(gives('team/secret/x', 'snp', null)).toBe(true)
    for (const path of ['team/secret/db', 'team/sealing-key/1']) expect(gives(path, 'snp', null)).toBe(false)
  })

  test('fails before it writes where its key is not there or cannot sign', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    put('rsa.pem', rsa.export({ type: 'pkcs8', format: 'pem' }))
    for (const [name, code] of [
      ['none.pem', 'file-missing'],
      ['rsa.pem', 'input-invalid'],
      ['db.txt', 'file-invalid'],
    ]) {
      const plan = sealed(`key: "file:FOLDER/${name}", ${admit}`)
      await expect(run(plan)).rejects.toMatchObject({ code })
      await expect(run(plan, 'plan')).rejects.toMatchObject({ code })
    }
    expect(written('team/secret/db')).toBe('')
  })

  const twice = sealed().replace(/\[(\{.*\})\]$/s, '[$1, $1]')
  const entry = `key: "file:k", ${admit}`
  test.each([
    ['nobody who gets it', sealed('key: "file:k"'), 'has no `admit`'],
    ['a secret twice', twice, 'is named twice'],
    ['a secret in the place of its key', sealed(entry).replace(keyUri, uri), 'both a secret and a key'],
    ['a resource of the same path', `${sealed(entry)}\n${resources}`, 'is named elsewhere'],
    ['a key of the agent', sealed(`key: agent, ${admit}`), 'write file:PATH or env:NAME'],
    [
      'two keys in one place',
      sealed(entry).replace(
        /\]$/,
        `, {uri: "kbs:///a/b/c", source: kept, key: "file:l", key-uri: "${keyUri}", ${admit}}]`,
      ),
      'has two keys',
    ],
    ['rules where the policy is left', `resource-policy: leave\n${sealed(entry)}`, 'has no effect'],
  ])('%s is refused', async (_, plan, word) => {
    await expect(parsePlan(`version: 1\n${plan}`, 'plan')).rejects.toMatchObject({
      message: expect.stringContaining(word) as string,
    })
  })
})
