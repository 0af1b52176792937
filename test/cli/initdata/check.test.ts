import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { podManifest } from '../../../src/deploy/pod.ts'
import { makeInitdata } from '../../../src/initdata/make.ts'
import { scratch } from '../../../testkit/ports.ts'
import { vector } from '../../../testkit/peers.ts'
import { door } from '../tee/door.ts'

// Recorded evidence, with our digest written where a host would have had it measured: the command compares and verifies nothing.

const dir = scratch('initdata-check')
const put = (name: string, content: string | Buffer): string => {
  writeFileSync(join(dir, name), content)
  return join(dir, name)
}
const made = makeInitdata(new Map([['aa.toml', 'url = "https://kbs.example.com"\n']]))
const other = makeInitdata(
  new Map([
    ['aa.toml', 'url = "https://kbs.example.com"\ncert = "x"\n'],
    ['policy.rego', 'package agent_policy\n'],
  ]),
)
const long = makeInitdata(new Map([['aa.toml', 'a']]), 'sha384')
const file = put('initdata.toml', made.bytes)
const digest = Buffer.from(made.digest, 'hex')
const { snp, tdx, pcr8 } = {
  snp: made.digest,
  tdx: made.digest + '0'.repeat(32),
  pcr8: String((await door('initdata show', file)).outputs['tpm']),
}

/** Evidence of four kinds of machine, with a value in the field that holds initdata. */
function evidence(kind: string, value: Buffer): string {
  if (kind === 'snp' || kind === 'tdx') {
    const source = kind === 'snp' ? 'coco/snp/test-report.bin' : 'coco/tdx/tdx_quote_4.dat'
    const bytes = readFileSync(vector(source))
    value.copy(bytes, kind === 'snp' ? 0xc0 : 48 + 184)
    return put(`${kind}.bin`, bytes)
  }
  const source = kind === 'tpm' ? 'coco/tpm/tpm_evidence.json' : 'coco/az-snp-vtpm/evidence-v1.json'
  const text = readFileSync(vector(source), 'utf8')
  const read = JSON.parse(text) as Record<string, { pcrs: unknown[] }>
  const list = read['tpm_quote']?.pcrs ?? []
  list[8] = value.toString('hex')
  return put(`${kind}.json`, JSON.stringify(read))
}

const lines = [
  ['snp', Buffer.from(snp, 'hex'), 'HOST_DATA'],
  ['tdx', Buffer.from(tdx, 'hex'), 'MRCONFIGID'],
  ['tpm', Buffer.from(pcr8, 'hex'), 'PCR 8'],
  ['az-snp-vtpm', Buffer.from(pcr8, 'hex'), 'PCR 8'],
] as const

test.each(lines)('evidence of %s is told from another', async (kind, value, field) => {
  const same = await door('initdata check', file, '--evidence', evidence(kind, value))
  expect(same).toMatchObject({ code: 0, outputs: { checks: [{ ok: true }] } })
  const changed = Buffer.from(value)
  changed[value.length - 1] = (changed.at(-1) ?? 0) ^ 1
  const differs = await door('initdata check', file, '--evidence', evidence(kind, changed))
  expect(differs.code).toBe(1)
  expect(differs.text).toContain(`DIFFERS  evidence: ${field} is ${changed.toString('hex')}`)
  const unset = await door('initdata check', file, '--evidence', evidence(kind, Buffer.alloc(value.length)))
  expect(unset).toMatchObject({ code: 1, text: expect.stringContaining('started without initdata') as string })
  // A digest that the field would cut never counts, whatever stands there.
  const cut = put('long.toml', long.bytes)
  const shorter = Buffer.from(long.digest, 'hex').subarray(0, value.length)
  const refused = await door('initdata check', cut, '--evidence', evidence(kind, shorter))
  if (kind === 'tdx') expect(refused.code).toBe(0)
  else
    expect(refused).toMatchObject({ code: 1, text: expect.stringContaining('does not keep a whole sha384') as string })
})

test('the digest itself in PCR 8 is not an extension by it', async () => {
  const raw = await door('initdata check', file, '--evidence', evidence('tpm', digest))
  expect(raw.code).toBe(1)
})

const token = (submods: Record<string, unknown>): string => {
  const wrapped = Object.fromEntries(
    Object.entries(submods).map(([device, annotated]) => [device, { 'ear.veraison.annotated-evidence': annotated }]),
  )
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return put('token.jwt', `${part({ alg: 'ES256' })}.${part({ submods: wrapped })}.AAAA\n`)
}

test.each([
  ['snp', { snp: {}, init_data: snp }, 0],
  ['tdx', { tdx: {}, init_data: tdx }, 0],
  ['tpm', { tpm: {}, init_data: pcr8 }, 0],
  ['az-snp-vtpm', { 'az-snp-vtpm': {}, init_data: pcr8 }, 0],
  ['sample', { sample: {}, init_data: digest.toString('base64') }, 0],
  ['tdx with a cut digest', { tdx: {}, init_data: snp }, 1],
  ['another', { snp: {}, init_data: '0'.repeat(64) }, 1],
  ['none', { snp: {} }, 1],
  ['an unknown technology', { mainframe: {}, init_data: snp }, 1],
])('the claim of %s', async (_, annotated, code) => {
  expect(await door('initdata check', file, '--token', token({ cpu0: annotated }))).toMatchObject({ code })
})

test('a second device may be without the claim, but not with another', async () => {
  const cpu0 = { snp: {}, init_data: snp }
  expect((await door('initdata check', file, '--token', token({ cpu0, gpu0: { nvidia: {} } }))).code).toBe(0)
  const two = token({ cpu0, cpu1: { snp: {}, init_data: 'x' } })
  expect((await door('initdata check', file, '--token', two)).code).toBe(1)
  expect((await door('initdata check', file, '--token', token({ gpu0: cpu0 }))).code).toBe(1)
})

const pod = (initdata: string): string =>
  podManifest({
    name: 'app',
    image: `registry.example.com/app@sha256:${'a'.repeat(64)}`,
    runtimeClass: 'kata-qemu-snp',
    initdata,
  })

test('annotation and manifest hold the document, however they are packed', async () => {
  const loose = gzipSync(made.bytes, { level: 1 }).toString('base64')
  const deployment = JSON.stringify({
    kind: 'Deployment',
    spec: { template: { metadata: { annotations: { 'io.katacontainers.config.hypervisor.cc_init_data': loose } } } },
  })
  const whole = put('two.yaml', `${pod(made.annotation)}---\n${deployment}\n`)
  const answer = await door('initdata check', file, '--annotation', put('annotation', `${loose}\n`), '--pod', whole)
  expect(answer).toMatchObject({ code: 0, outputs: { checks: [{ ok: true }, { ok: true }, { ok: true }] } })
})

test('each difference of a pod is named', async () => {
  const answer = await door(
    'initdata check',
    file,
    '--pod',
    put('other.yaml', `${pod(made.annotation)}---\n${pod(other.annotation)}`),
  )
  expect(answer.code).toBe(1)
  expect(answer.text).toContain('same  pod 1')
  expect(answer.text).toContain('DIFFERS  pod 2: aa.toml differs from line 2 on; policy.rego is added')
  const spaced = Buffer.concat([made.bytes, Buffer.from('\n')])
  const text = put('spaced', gzipSync(spaced).toString('base64'))
  expect((await door('initdata check', file, '--annotation', text)).text).toContain('the same files in other bytes')
  const none = await door('initdata check', file, '--pod', put('none.yaml', 'kind: Pod\n'))
  expect(none).toMatchObject({ code: 1, text: expect.stringContaining('no annotation with initdata') as string })
})

test('nothing to compare with, and what cannot be read, is wrong use', async () => {
  expect((await door('initdata check', file)).error).toMatchObject({ code: 'input-missing' })
  const broken = put('broken.yaml', 'a: [')
  expect((await door('initdata check', file, '--pod', broken)).error).toMatchObject({ code: 'file-invalid' })
  expect((await door('initdata check', file, '--evidence', file)).error).toMatchObject({ code: 'file-invalid' })
  expect((await door('initdata check', file, '--annotation', put('x', 'aGVsbG8='))).code).not.toBe(0)
})
