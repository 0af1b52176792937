import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cosignPrograms } from '../../src/guests/programs/cosign.ts'
import { exitFinding, pulledReference, runProgram, versionIn } from '../../src/guests/programs/run.ts'
import { policyControllerProgram } from '../../src/guests/programs/policy-controller.ts'
import type { Ports } from '../../src/base/ports.ts'
import { makeExec } from '../../src/runner/exec.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { factsOf, givenNothing, layout, putShape } from './support.ts'

/** Ports that find these scripts alone, beside the system's own programs. */
function portsWith(scripts: Record<string, string>, more: Record<string, string> = {}): Ports {
  const dir = scratch('programs')
  for (const [name, text] of Object.entries(scripts)) {
    writeFileSync(join(dir, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(dir, name), 0o755)
  }
  const env = { PATH: `${dir}:/usr/bin:/bin`, HOME: dir, ...more }
  return testPorts({ env, exec: makeExec(env) })
}

const [cosign2, cosign3] = cosignPrograms
const told = (version: string, help = ''): string =>
  `case "$1" in version) echo '{"gitVersion":"${version}"}';; sign) echo '${help}';; esac`

test.each<[string, Record<string, string>, string | null, string | null]>([
  ['two programs', { cosign2: told('v2.6.1'), cosign3: told('v3.1.3') }, 'cosign 2.6.1', 'cosign 3.1.3'],
  ['one that is version 3', { cosign: told('v3.0.5') }, null, 'cosign 3.0.5'],
  ['a wrong name', { cosign2: told('v3.1.3') }, null, null],
  ['builds without a version', { cosign: told('devel', '--use-signing-config=true') }, null, 'cosign 3 (devel build)'],
  ['an older build without a version', { cosign: told('devel') }, 'cosign 2 (devel build)', null],
  ['another program of this name', { cosign: 'echo hello' }, null, null],
  ['one that does not run', { cosign: 'exit 1' }, null, null],
])('which cosign is found: %s', async (_what, scripts, two, three) => {
  const ports = portsWith(scripts)
  expect([(await cosign2?.find(ports))?.name ?? null, (await cosign3?.find(ports))?.name ?? null]).toEqual([two, three])
})

test('a program sees credentials and proxies, and no token of the job', async () => {
  const secrets = {
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'secret',
    DOCKER_CONFIG: '/docker',
    https_proxy: 'http://proxy',
    COSIGN_PASSWORD: 'secret',
  }
  const ports = portsWith({ shows: 'env' }, secrets)
  const { stdout } = await runProgram('shows', [], ports, { TUF_ROOT: '/tuf' })
  const names = stdout
    .toString()
    .split('\n')
    .map((line) => line.split('=')[0])
    .filter((name) => !['_', 'PWD', 'SHLVL', ''].includes(name ?? ''))
  expect(names.sort()).toEqual(['DOCKER_CONFIG', 'HOME', 'PATH', 'TUF_ROOT', 'https_proxy'])
})

test('the last words of a program are quoted as text', () => {
  const result = (code: number, stderr: string) => ({ code, stderr, stdout: Buffer.from('') })
  expect(exitFinding(result(0, 'whatever'))).toEqual([])
  expect(exitFinding(result(1, 'first\n::error::\u001b[31mlast\n'))).toMatchObject([
    { effect: 'fails', code: 'program', why: 'it says: \\u003a:error::\\u001b[31mlast' },
  ])
  expect(exitFinding(result(3, ''))[0]?.why).toBe('it says: exit code 3')
})

test.each<[string, string | null]>([
  ['skopeo version 1.9.3', '1.9.3'],
  ['Version:     v1.3.2+unreleased', '1.3.2'],
  ['devel', null],
])('the version in %j', (text, version) => {
  expect(versionIn(text)).toBe(version)
})

test('programs are not asked for a layout, nor for an image that lies elsewhere', async () => {
  const ports = testPorts()
  await putShape(layout(ports), 'it')
  const image = await factsOf(ports, 'it')
  expect(pulledReference(image)).toBeNull()
  const there = { ...image, reference: 'registry.example.org/a/b@sha256:0', name: 'registry.example.org/a/b' }
  expect(pulledReference(there)).toBe(there.reference)
  expect(pulledReference({ ...there, name: 'registry.example.org/other' })).toBeNull()
  const found = { path: '/bin/false', name: 'x' }
  const given = { ...givenNothing, publicKey: 'pem' }
  expect(await cosign2?.ask(found, image, given, scratch(), ports)).toBeNull()
  expect(await policyControllerProgram.ask(found, there, givenNothing, scratch(), ports)).toBeNull()
})
