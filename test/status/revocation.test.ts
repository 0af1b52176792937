import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { collectGraph, copyGraph } from '../../src/oci/copy-graph.ts'
import type { Descriptor } from '../../src/oci/types.ts'
import { attachCosignSignature } from '../../src/sign/legacy.ts'
import { simpleSigningPayload } from '../../src/sign/simple-signing.ts'
import { carryStatuses } from '../../src/tasks/status/carry.ts'
import type { SetStatus } from '../../src/tasks/status/set.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { forgeChain } from '../../testkit/chain.ts'
import { scratch } from '../../testkit/ports.ts'
import { actionRunner } from '../../testkit/working-job.ts'
import { putSmallImage, smallBase, smallFiles } from '../../testkit/small-image.ts'
import { attachNotice, daysBefore } from '../../testkit/status.ts'
import { door } from '../cli/tee/door.ts'
import {
  after,
  clock,
  issuer,
  open,
  pemOf,
  place,
  policyOf,
  ports,
  publisher,
  revoked,
  say,
  start,
  stranger,
} from './support.ts'

beforeEach(() => {
  clock.now = start
})

test('a revocation at the source reaches a copy, and the gate of the receiver refuses the index and each of its images', async () => {
  const { from, to, children, carry, gate } = await place()
  expect((await gate()).reasons).toEqual([])

  // Not yet carried over: the older status still holds, and the verdict says how old it is.
  clock.now = after(1)
  await say(`${from}:app`, revoked)
  const before = await gate()
  expect([before.verified, before.until]).toEqual([true, expect.stringContaining(after(7).toISOString().slice(0, 16))])
  // Never carried over: freshness ends by itself.
  expect((await gate(undefined, after(8))).reasons).toContain('expired')

  expect(await carry()).toEqual(['carried', 'carried', 'carried'])
  expect((await gate()).reasons).toEqual(['index-unattested', 'revoked'])
  for (const child of children) expect((await gate(`${to}@${child}`)).reasons).toEqual(['revoked'])
  // Again: nothing is written.
  const nodes = await collectGraph(open(to), children[0]!, {})
  expect(await carry()).toEqual(['present', 'present', 'present'])
  expect((await collectGraph(open(to), children[0]!, {})).copied.length).toBe(nodes.copied.length)
})

test('who revokes the index alone revokes what is pulled by it; who revokes a child, that child', async () => {
  const one = await place()
  await say(`${one.from}:app`, revoked, { only: true })
  await one.carry()
  expect((await one.gate()).reasons).toContain('revoked')
  expect((await one.gate(`${one.to}@${one.children[0]!}`)).verified).toBe(true)

  const other = await place()
  await say(`${other.from}@${other.children[0]!}`, revoked)
  await other.carry()
  expect((await other.gate()).reasons).toEqual(['index-unattested', 'revoked'])
  expect((await other.gate(`${other.to}@${other.children[0]!}`)).reasons).toEqual(['revoked'])
  expect((await other.gate(`${other.to}@${other.children[1]!}`)).verified).toBe(true)
})

test('an older status carried later replaces nothing', async () => {
  const { from, to, carry, gate } = await place()
  clock.now = after(1)
  await say(`${to}:prod`, revoked, { serial: 5 })
  await say(`${from}:app`, { status: 'active' }, { renew: true })
  expect(await carry()).toEqual(['kept', 'kept', 'kept'])
  expect((await gate()).reasons).toContain('revoked')
  // The source catches up with another statement of that serial and time.
  await say(`${from}:app`, { ...revoked, reason: 'another reason' }, { serial: 5 })
  expect(await carry()).toEqual(['contradictory', 'contradictory', 'contradictory'])
})

test('what the source lost since is not taken for good news: the copy keeps what it knows', async () => {
  const { from, to, carry, gate } = await place()
  await say(`${from}:app`, revoked)
  await carry()
  const fresh = `oci:${join(scratch('rolled-back'), 'layout')}`
  const policy = await policyOf()
  // A source that holds the image without any statement.
  const graph = await collectGraph(open(to), (await open(to).resolve({ tag: 'prod' }))!.digest, {})
  const root = graph.copied[0]!.descriptor.digest
  await copyGraph(open(to), open(fresh), root, { tag: 'app', takes: () => false })
  const result = await carryStatuses({ from: fresh, to, policy }, ports)
  expect([result.statuses, result.silent.length]).toEqual([[], 3])
  expect((await gate()).reasons).toContain('revoked')
})

test('a status by another signer is not carried, and is its own answer at the gate', async () => {
  const from = `oci:${join(scratch('stranger'), 'layout')}`
  const to = `oci:${join(scratch('stranger-copy'), 'layout')}`
  const made = await smallBase(open(from), await putSmallImage(open(from), smallFiles))
  await forgeChain(open(from), made, { issuer, at: start })
  await copyGraph(open(from), open(to), made.subject.digest, { tag: 'latest' })
  const gate = async (): Promise<Verdict> => verifyImage(`${to}:latest`, await policyOf(), { at: clock.now }, ports)
  // Withheld: nothing is there.
  expect((await gate()).reasons).toEqual(['missing-statement'])
  await say(`${from}:latest`, { status: 'active' }, {}, stranger)
  const result = await carryStatuses({ from, to, policy: await policyOf() }, ports)
  expect([result.statuses, result.silent]).toEqual([[], [made.subject.digest]])
  await say(`${to}:latest`, { status: 'active' }, {}, stranger)
  expect((await gate()).reasons).toEqual(['claim-signer'])
})

test('the image may be gone at the source', async () => {
  const { to, index, gate } = await place()
  const source = `oci:${join(scratch('gone'), 'layout')}`
  const { descriptor } = await open(to).getManifest(index)
  const [issued, from] = [daysBefore(start, 0), daysBefore(start, 1)]
  const statement = { status: 'revoked', serial: 9, issued, reason: 'deleted and revoked', from }
  await attachNotice('status', open(source), descriptor, statement, publisher)
  const { statuses } = await carryStatuses({ from: source, to, policy: await policyOf() }, ports)
  expect(statuses.map(({ outcome }) => outcome)).toEqual(['carried'])
  expect((await gate()).reasons).toContain('revoked')
})

describe('setting a status', () => {
  async function image(): Promise<{ name: string; subject: Descriptor }> {
    const name = `oci:${join(scratch('set'), 'layout')}`
    return { name, subject: await putSmallImage(open(name), smallFiles) }
  }
  const outcome = ([first]: SetStatus[]): [string | undefined, number | undefined] => [first?.state, first?.serial]

  test('is idempotent; each new one has a higher serial', async () => {
    const { name } = await image()
    expect(outcome(await say(name, { status: 'active' }))).toEqual(['added', 1])
    expect(outcome(await say(name, { status: 'active' }))).toEqual(['present', 1])
    clock.now = after(1)
    expect(outcome(await say(name, { status: 'active' }, { renew: true }))).toEqual(['added', 2])
    expect(outcome(await say(name, revoked))).toEqual(['added', 3])
    clock.now = after(2)
    expect(outcome(await say(name, revoked))).toEqual(['present', 3])
    // A stranger's serial is not ours.
    await say(name, { status: 'active' }, { serial: 900 }, stranger)
    expect(outcome(await say(name, { status: 'active' }))).toEqual(['added', 4])
  })

  test('signs again once half of its time is over', async () => {
    const { name } = await image()
    const week = { validSeconds: 7 * 86_400 }
    expect(outcome(await say(name, { status: 'active' }, week))).toEqual(['added', 1])
    clock.now = after(3)
    expect(outcome(await say(name, { status: 'active' }, week))).toEqual(['present', 1])
    clock.now = after(4)
    expect(outcome(await say(name, { status: 'active' }, week))).toEqual(['added', 2])
  })

  test('refuses a serial that is taken', async () => {
    const { name } = await image()
    await say(name, { status: 'active' }, { serial: 7 })
    expect(outcome(await say(name, { status: 'active' }, { serial: 7 }))).toEqual(['present', 7])
    await expect(say(name, revoked, { serial: 7 })).rejects.toMatchObject({
      code: 'state-conflict',
      subject: 'serial',
      remedy: 'Set `serial` to 8 or more, or leave `serial` out.',
    })
  })

  test('refuses a key that signed the image for cosign, in either form', async () => {
    const [older, newer] = [await image(), await image()]
    const payload = simpleSigningPayload({ dockerReference: 'host/app', digest: older.subject.digest })
    const signature = await publisher.signer.sign(payload)
    await attachCosignSignature(open(older.name), older.subject, [{ payload, signature }])
    const made = await smallBase(open(newer.name), newer.subject)
    await forgeChain(open(newer.name), made, { issuer, at: start, key: publisher })
    for (const { name } of [older, newer]) {
      await expect(say(name, revoked)).rejects.toMatchObject({ code: 'input-invalid', subject: 'key' })
      expect(outcome(await say(name, revoked, {}, stranger))).toEqual(['added', 1])
    }
  })

  test('needs a copy, and a policy that names signers', async () => {
    const { name } = await image()
    const policy = await policyOf()
    await expect(carryStatuses({ from: name, to: `${name}:other`, policy }, ports)).rejects.toMatchObject({
      code: 'not-found',
    })
    const silent = await policyOf({ status: undefined })
    await expect(carryStatuses({ from: name, to: name, policy: silent }, ports)).rejects.toMatchObject({
      code: 'file-invalid',
      subject: 'policy',
    })
  })
})

test('the command line signs, shows and carries', async () => {
  const [name, copy] = [`oci:${join(scratch('cli'), 'layout')}`, `oci:${join(scratch('cli-copy'), 'layout')}`]
  const made = await putSmallImage(open(name), smallFiles)
  await copyGraph(open(name), open(copy), made.digest, { tag: 'latest' })
  const folder = scratch('cli-keys')
  const [key, pub, policy] = ['status.pem', 'status.pub', 'policy.yml'].map((file) => join(folder, file))
  writeFileSync(key!, pemOf(publisher))
  writeFileSync(pub!, publisher.signer.publicKeyPem)
  writeFileSync(
    policy!,
    `version: 1\nrelease-keys: [status.pub]\naccept-signature-only: true\nstatus: {keys: [status.pub]}\n`,
  )
  const run = (...args: string[]) => door<Record<string, never>>(...(args as [string]))
  await run('status set', '--image', name, '--status', 'revoked', '--reason', 'why', '--key', key!)
  const shown = await run('status show', '--image', name, '--public-key', pub!)
  expect(JSON.stringify(shown)).toContain('"state":"revoked"')
  const action = actionRunner(ports, scratch('state'))
  const given = { 'status-only': 'true', from: name, to: copy, policy: policy! }
  const planned = await action('promote', { ...given, 'dry-run': 'true' })
  expect([planned.outputs['promoted'], planned.report.headline]).toEqual([
    'false',
    expect.stringMatching(/^1 status statement\(s\) would be carried/),
  ])
  expect(await open(copy).referrers(made.digest)).toEqual([])
  const carried = await action('promote', given)
  expect([carried.outputs['results-json'], carried.exitCode]).toEqual([
    expect.stringContaining('"outcome":"carried"'),
    0,
  ])
  expect((await action('promote', given)).outputs['copied-json']).toBe('[]')
  expect(JSON.stringify(await run('status show', '--image', copy, '--policy', policy!))).toContain('"state":"revoked"')
})
