import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SignJWT, type JWTPayload } from 'jose'
import { door } from '../../src/actions/kbs-publish/main.ts'
import { openState } from '../../src/agent/state.ts'
import type { ActionResult } from '../../src/doors/context.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { kbsAdmin, type KbsAdmin } from '../../src/kbs/client.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

// Tokens of other verifiers as a condition of a plan.

const good = 'ab'.repeat(48)
const other = 'cd'.repeat(48)
const verifier = generateKeyPairSync('rsa', { modulusLength: 2048 })
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
const issuer = 'https://attest.example'

let admin: KbsAdmin
let run: (opinions: string, mode?: string) => Promise<ActionResult>
let close: () => Promise<void>
let folder: string

const jwks = (key: KeyObject): string => JSON.stringify({ keys: [{ ...key.export({ format: 'jwk' }), kid: 'k' }] })

beforeEach(async () => {
  const ports = testPorts()
  const directory = scratch('opinions')
  const kbs = await startKbs({ directory, listen: '127.0.0.1:0', ports })
  const pem = kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }).toString()
  admin = kbsAdmin(kbs.url, adminToken(pem, ports.clock), ports)
  folder = scratch('opinions-job')
  writeFileSync(join(folder, 'verifier.json'), jwks(verifier.publicKey))
  writeFileSync(join(folder, 'key.bin'), Buffer.alloc(32, 7))
  const state = openState(join(folder, 'state'), ports)
  run = async (opinions, mode = 'apply') => {
    writeFileSync(
      join(folder, 'plan.yml'),
      [
        'version: 1',
        'replace-global: first',
        opinions,
        'resources:',
        '  - uri: kbs:///team/key/app',
        `    source: file:${join(folder, 'key.bin')}`,
        `    admit: [{technology: snp, measurements: [${good}]}]`,
      ].join('\n'),
    )
    const given: Record<string, string> = {
      'kbs-url': kbs.url,
      'admin-key': join(directory, 'admin-key.pem'),
      plan: join(folder, 'plan.yml'),
      mode,
    }
    const inputs = { given: (name: string) => given[name], defaults: {}, ports, confine: null }
    return door.run(rawInputs({ ...inputs, label: (name) => name }), { ports, state })
  }
  close = () => kbs.close()
})

afterEach(() => close())

/** An Azure token about an SNP machine, in a file. */
async function token(change: JWTPayload = {}, key = verifier.privateKey): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: issuer,
    iat: now - 5,
    nbf: now - 5,
    exp: now + 300,
    'x-ms-attestation-type': 'sevsnpvm',
    'x-ms-compliance-status': 'azure-compliant-cvm',
    'x-ms-sevsnpvm-is-debuggable': false,
    'x-ms-sevsnpvm-launchmeasurement': good,
    'x-ms-sevsnpvm-reportdata': 'cd'.repeat(64),
    ...change,
  }
  const path = join(folder, 'token.jwt')
  writeFileSync(path, `${await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k' }).sign(key)}\n`)
  return path
}

const entry = (file: string, more = `, issuer: "${issuer}"`): string =>
  `second-opinions: [{token: ${file}, keys: ${join(folder, 'verifier.json')}${more}}]`

test('a verifier that affirms the admitted machine lets the plan be written, and the notes say so', async () => {
  const { report } = await run(entry(await token()), 'apply')
  expect(JSON.stringify(report)).toContain(`azure affirms snp ${good}`)
  expect(await admin.resourcePolicies()).toEqual(['resource-policy'])
})

test.each<[string, JWTPayload, string, string, RegExp]>([
  ['another machine', { 'x-ms-sevsnpvm-launchmeasurement': other }, 'apply', 'denied', /the plan admits (ab)+ of snp/],
  ['another machine, already when planned', { 'x-ms-sevsnpvm-launchmeasurement': other }, 'plan', 'denied', /cdcd/],
  ['debugging', { 'x-ms-sevsnpvm-is-debuggable': true }, 'apply', 'denied', /contraindicated/],
  ['nothing about debugging', { 'x-ms-sevsnpvm-is-debuggable': undefined }, 'apply', 'denied', /not affirming/],
  ['not compliant', { 'x-ms-compliance-status': 'none' }, 'apply', 'denied', /not affirming/],
  [
    'no measurement',
    { 'x-ms-sevsnpvm-launchmeasurement': undefined },
    'apply',
    'denied',
    /names no launch measurement/,
  ],
  ['another issuer', { iss: 'https://other.example' }, 'apply', 'token-invalid', /issuer/],
  ['an audience that nobody named', { aud: 'x' }, 'apply', 'token-invalid', /audience/],
  ['a token of yesterday', { exp: Math.floor(Date.now() / 1000) - 86_400 }, 'apply', 'token-expired', /counts from/],
])('%s: nothing is written', async (_, change, mode, code, message) => {
  const asked = run(entry(await token(change)), mode)
  await expect(asked).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string })
  expect(await admin.resourcePolicies()).toEqual([])
})

test('a key that nobody pinned, no issuer named, and files that are not there', async () => {
  await expect(run(entry(await token({}, stranger.privateKey)))).rejects.toMatchObject({ code: 'token-invalid' })
  await expect(run(entry(await token(), ''))).rejects.toMatchObject({ code: 'token-invalid' })
  await expect(run(entry(join(folder, 'none.jwt')))).rejects.toMatchObject({ code: 'file-missing' })
  writeFileSync(join(folder, 'verifier.json'), '{"keys":[]}')
  await expect(run(entry(await token()))).rejects.toMatchObject({ code: 'file-invalid' })
  expect(await admin.resourcePolicies()).toEqual([])
})
