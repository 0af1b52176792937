import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { initPolicy } from '../../src/verify/init/init.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { policyInit } from '../../src/cli/policy-init.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { openState } from '../../src/agent/state.ts'
import { issuer, make, ports } from '../../testkit/judged.ts'
import { scratch } from '../../testkit/ports.ts'
import { makeAuthority } from '../../testkit/timestamp/authority.ts'
import { makeResponse, makeToken } from '../../testkit/timestamp/token.ts'

const authority = makeAuthority({ name: 'The "TSA"' })
const stamped = {
  stamps: (_kind: unknown, signature: Buffer) => [makeResponse(makeToken(authority, signature, { at: new Date() }))],
}
const { jwks } = issuer

test('a given authority is pinned, and then no line accepts unproven time', async () => {
  const { reference } = await make(stamped)
  const { text } = await initPolicy(reference, { publicKeys: [], jwks, timeAuthorities: [authority.pem] }, ports)
  expect(text).toContain('time:\n  authorities:\n    - name: "The \\"TSA\\""\n')
  expect(text).not.toContain('accept-unproven-time')
  const policy = await parsePolicy(text, '/policy.yml')
  expect((await verifyImage(reference, policy, {}, ports)).reasons).toEqual([])
})

test('an authority that did not stamp the image is pinned, and the line says what the image lacks', async () => {
  const { reference } = await make(stamped)
  const timeAuthorities = [makeAuthority().pem]
  const { text, warnings } = await initPolicy(reference, { publicKeys: [], jwks, timeAuthorities }, ports)
  expect(text).toContain('accept-unproven-time: true  # UNSAFE: ')
  expect(warnings.join('\n')).toContain('accept-unproven-time')
})

test('what the image itself carries is written as a comment, and the line stays', async () => {
  const { reference } = await make(stamped)
  const { text } = await initPolicy(reference, { publicKeys: [], jwks }, ports)
  expect(text).toContain('# UNSAFE: taken from the image.')
  expect(text).toContain('#     - name: "The \\"TSA\\""')
  expect(text).toContain('accept-unproven-time: true  # UNSAFE: ')
  expect((await parsePolicy(text, '/policy.yml')).time.authorities).toEqual([])
})

test('an image without stamps gives no such comment, and junk is none', async () => {
  for (const stamps of [() => [], () => [Buffer.from('junk')]]) {
    const { reference } = await make({ stamps })
    const { text } = await initPolicy(reference, { publicKeys: [], jwks }, ports)
    expect(text).not.toContain('taken from the image')
  }
})

test('the command takes the authority from a file', async () => {
  const { reference } = await make(stamped)
  const folder = scratch('init-time')
  writeFileSync(join(folder, 'tsa.pem'), authority.pem)
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify(jwks))
  const given: Record<string, string> = {
    image: reference,
    jwks: join(folder, 'jwks.json'),
    'timestamp-authority': join(folder, 'tsa.pem'),
  }
  const inputs = rawInputs({ given: (name) => given[name], defaults: {}, ports, confine: null, label: (name) => name })
  const { text = '' } = await policyInit(inputs, { ports, state: openState(folder, ports) })
  expect((await parsePolicy(text, '/policy.yml')).time.authorities).toHaveLength(1)
  writeFileSync(join(folder, 'tsa.pem'), 'no certificate')
  await expect(policyInit(inputs, { ports, state: openState(folder, ports) })).rejects.toMatchObject({
    code: 'file-invalid',
    subject: 'timestamp-authority',
    message: expect.stringContaining('tsa.pem'),
  })
})
