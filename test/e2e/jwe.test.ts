import { generateKeyPairSync } from 'node:crypto'
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readJweKey } from '../../src/encrypt/jwe.ts'
import { cli, type Answer } from '../../testkit/cli.ts'
import { startJob, type Job } from './job.ts'
import { shapeOf } from '../../testkit/layout.ts'

interface Verdict {
  reasons: string[]
  checks: { id: string; status: string }[]
}

let job: Job
beforeAll(async () => {
  job = await startJob()
}, 60_000)
afterAll(async () => {
  await job.stop()
  rmSync(job.folder, { recursive: true, force: true, maxRetries: 3 })
})

/** Writes a key pair as two PEM files. */
function keyPair(name: string, kind: 'ec' | 'rsa'): { pub: string; private: string } {
  const pair =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const files = { pub: join(job.folder, `${name}.pub`), private: join(job.folder, `${name}.pem`) }
  writeFileSync(files.pub, pair.publicKey.export({ type: 'spki', format: 'pem' }))
  writeFileSync(files.private, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  return files
}

/** The gate without an agent, as whoever holds a private key runs it. */
async function gate(
  image: string,
  key: string | null,
  more: string[] = [],
): Promise<Pick<Answer, 'exitCode' | 'outputs' | 'stderr'> & { verdict: Verdict }> {
  const state = join(job.folder, `gate-${String(key).replaceAll('/', '_')}`)
  const { exitCode, outputs, stderr } = await cli([
    'verify-deploy',
    ...['--image', image, '--policy', job.policy, '--state', state],
    ...(key === null ? [] : ['--decryption-key', key]),
    ...more,
  ])
  return {
    exitCode,
    outputs,
    stderr,
    verdict: JSON.parse(readFileSync(outputs['verdict-path'] ?? '', 'utf8')) as Verdict,
  }
}

test('an image for two public keys is admitted with either private key, and refused with another or none', async () => {
  const [ec, rsa, other] = [keyPair('ec', 'ec'), keyPair('rsa', 'rsa'), keyPair('other', 'ec')]
  await job.run('encrypt', '--recipients', `jwe:${ec.pub}`, '--recipients', `jwe:${rsa.pub}`)
  const published = join(job.folder, 'published')
  // Only bundles: no tag but the image's own is written for cosign 3 alone, and nothing that was not asked for.
  const wanted = ['sign', 'provenance', 'spdx', 'inventory', 'rebuild', 'encryption']
  const { image = '' } = await job.run(
    'sign-attest',
    ...['--output', `oci:${published}:v1`, '--consumers', 'cosign3'],
    ...wanted.flatMap((name) => ['--statements', name]),
  )
  const shape = shapeOf(published)
  expect(shape.filter((line) => line.startsWith('tag '))).toEqual(['tag v1'])
  expect(shape.some((line) => line.includes('cyclonedx'))).toBe(false)
  expect(shape.some((line) => line.includes('spdx'))).toBe(true)

  const unnamed = await gate(image, ec.private)
  expect([unnamed.exitCode, unnamed.verdict.reasons]).toEqual([1, ['key-exposed']])
  const ids = [ec, rsa].map(({ pub }) => readJweKey(readFileSync(pub, 'utf8'), pub).id)
  appendFileSync(job.policy, `encryption: ${JSON.stringify({ recipients: ids })}\n`)
  for (const key of [ec.private, rsa.private]) {
    const { exitCode, verdict } = await gate(image, key)
    expect([exitCode, verdict.reasons]).toEqual([0, []])
    expect(verdict.checks.find((check) => check.id === 'content.inventory')?.status).toBe('passed')
  }
  const without = await gate(image, null)
  expect([without.exitCode, without.verdict.reasons]).toEqual([1, ['not-checked']])
  // The output alone does not say why: with --json the lines go to stderr.
  expect(without.outputs).toMatchObject({ verified: 'false', reasons: 'not-checked', 'rootfs-path': '' })
  expect(without.stderr).toMatch(
    /^ {2}not-checked: .*The policy line "accept-unchecked-content: true" would accept this$/m,
  )
  expect(without.stderr).toMatch(/^ {2}exception used: accept-sample: no TEE stands behind this run/m)
  const wrong = await gate(image, other.private)
  expect([wrong.exitCode, wrong.verdict.reasons]).toEqual([1, ['decryption-failed']])
  expect(wrong.stderr).toMatch(/^ {2}decryption-failed: .*encrypted for a JWE public key.*as `--decryption-key`/m)

  // A launch may be started again; what was unpacked is what passed.
  for (let run = 0; run < 2; run++) {
    const { exitCode, outputs } = await gate(image, ec.private, ['--launch', 'unpack'])
    expect([exitCode, outputs['verified'], outputs['reasons']]).toEqual([0, 'true', ''])
    expect(readdirSync(outputs['rootfs-path'] ?? '')).not.toEqual([])
  }
  const arm = await gate(image, ec.private, ['--platform', 'linux/s390x'])
  expect([arm.exitCode, arm.outputs['reasons']]).toEqual([1, 'subject-mismatch'])
  expect(arm.stderr).toContain('linux/s390x was asked for')
}, 60_000)

test.each([
  ['consumers', 'cosign4', /^Did you mean cosign2\? Use some of: /],
  ['statements', 'everything', /^Use some of: sign, /],
])('%s: %s is refused as wrong use, with the values that there are', async (name, value, remedy) => {
  const answer = await cli(['sign-attest', `--${name}`, value, '--state', job.state])
  expect(answer).toMatchObject({ exitCode: 2, error: { code: 'input-invalid', subject: name } })
  expect(answer.error?.remedy).toMatch(remedy)
})

test('a folder for the launch that is not empty is refused before the image is even looked for', async () => {
  const answer = await cli([
    ...['verify-deploy', '--image', 'oci:/nowhere:1', '--policy', job.policy, '--state', job.state],
    ...['--launch', 'unpack', '--output', job.folder],
  ])
  expect(answer).toMatchObject({ exitCode: 2, error: { code: 'exists', subject: job.folder } })
})
