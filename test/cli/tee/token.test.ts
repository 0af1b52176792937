import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { teeToken } from '../../../src/cli/tee/token.ts'
import { tokenOptions } from '../../../src/cli/tee/evidence-options.ts'
import { rawInputs } from '../../../src/doors/raw-inputs.ts'
import { openState } from '../../../src/agent/state.ts'
import type { CommandResult } from '../../../src/cli/command.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'

const issuer = 'https://maa.example'
const mrtd = 'ab'.repeat(48)
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

async function run(claims: object, given: Record<string, string> = {}): Promise<CommandResult> {
  const folder = scratch('token')
  const seconds = Math.floor(Date.now() / 1000)
  const all = { iss: issuer, iat: seconds, exp: seconds + 60, ...claims }
  const text = await new SignJWT(all).setProtectedHeader({ alg: 'RS256', kid: 'k' }).sign(privateKey)
  writeFileSync(join(folder, 'token.jwt'), `${text}\n`)
  writeFileSync(
    join(folder, 'jwks.json'),
    JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k' }] }),
  )
  const ports = testPorts()
  const options: Record<string, string> = {
    file: join(folder, 'token.jwt'),
    keys: join(folder, 'jwks.json'),
    issuer,
    ...given,
  }
  const defaults = Object.fromEntries(tokenOptions.map((one) => [one.name, one.default]))
  const inputs = rawInputs({
    given: (name) => options[name],
    defaults,
    ports,
    confine: null,
    label: (name) => `--${name}`,
  })
  return teeToken(inputs, { ports, state: openState(join(folder, 'state'), ports) })
}

const good = {
  'x-ms-attestation-type': 'tdxvm',
  'x-ms-compliance-status': 'azure-compliant-cvm',
  dbgstat: 'disabled',
  tdx_mrtd: mrtd,
}

test('an affirming token is shown', async () => {
  const done = await run(good, { measurement: `${'00'.repeat(48)},${mrtd.toUpperCase()}` })
  expect(done.refused).toBe(false)
  expect(done.outputs).toMatchObject({ verifier: 'azure', status: 'affirming', technology: 'tdx', measurement: mrtd })
  expect(done.text).toContain('status: affirming (tdxvm, azure-compliant-cvm)')
  expect(done.text).toContain('report data: not in the token')
})

test.each<[string, object, Record<string, string>, string]>([
  [
    'a warning',
    { ...good, 'x-ms-compliance-status': 'other' },
    {},
    'refused: the verifier does not affirm this machine',
  ],
  ['another measurement', good, { measurement: '00'.repeat(48) }, 'refused: the measurement is not one of'],
  ['no measurement', { ...good, tdx_mrtd: undefined }, { measurement: mrtd }, 'refused: the measurement is not one of'],
])('%s is shown and refused', async (_, claims, given, line) => {
  const done = await run(claims, given)
  expect(done.refused).toBe(true)
  expect(done.text).toContain(line)
})

test.each<[string, Record<string, string>, string]>([
  ['no issuer', { issuer: '' }, 'token-invalid'],
  ['no keys', { keys: '' }, 'input-missing'],
  ['a measurement that is none', { measurement: 'abc' }, 'input-invalid'],
  ['a time that is none', { at: 'tomorrow' }, 'input-invalid'],
  ['an age that is none', { 'max-age': '0' }, 'input-invalid'],
  ['a nonce that the token lacks', { nonce: 'x' }, 'binding-mismatch'],
])('%s', async (_, given, code) => {
  await expect(run(good, given)).rejects.toMatchObject({ code })
})

test('claims that would move the cursor are shown as text', async () => {
  const done = await run({ ...good, 'x-ms-attestation-type': '\u001b[2Jtdxvm' })
  expect(done.text).toContain('\\u001b[2Jtdxvm')
  expect(done.refused).toBe(true)
})
