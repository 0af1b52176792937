import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { door } from '../../src/actions/verify-deploy/main.ts'
import { openState } from '../../src/agent/state.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import type { NoteSigner } from '../../src/sign/note-signer.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { issuer, make, ports } from '../../testkit/judged.ts'
import { noteSigner } from '../../testkit/log.ts'
import { jobKey, logAll } from '../../testkit/logged-image.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { scratch } from '../../testkit/ports.ts'

interface Seen {
  reasons: string
  why: string
}

/** Gates over images of one log, or of two logs with one key, with one folder of remembered checkpoints. */
async function setUp() {
  const key = await noteSigner()
  const folder = scratch('log-state')
  const memory = join(folder, 'seen')
  const remembered = (): string =>
    readdirSync(memory)
      .filter((name) => name.endsWith('.checkpoint'))
      .map((name) => readFileSync(join(memory, name), 'utf8').split('\n')[1])
      .join(' ')
  return { folder, memory, key, remembered, image: (log: string) => imageIn(join(folder, log), key, memory) }
}

/** An image whose signatures are in a log. @returns a run of the gate over it */
async function imageIn(log: string, key: NoteSigner, memory: string) {
  const made = await make({ key: jobKey })
  await logAll(made, key, { folder: log })
  return async (more: Record<string, string> = {}): Promise<Seen> => {
    const folder = scratch('log-state')
    const policy = join(folder, 'policy.yml')
    writeFileSync(policy, policyText(made.base, issuer, { log: { key: key.vkey }, 'accept-unwitnessed-log': true }))
    const given: Record<string, string> = { image: made.reference, policy, 'log-state': memory, ...more }
    const defaults = { launch: 'none', enforce: 'true', signer: 'none' }
    const inputs = rawInputs({ given: (name) => given[name], defaults, ports, confine: null, label: (name) => name })
    const { outputs } = await door.run(inputs, { ports, state: openState(join(folder, 'state'), ports) })
    const { checks } = JSON.parse(readFileSync(String(outputs['verdict-path']), 'utf8')) as Verdict
    const { status, why } = checks.find(({ id }) => id === 'log.history')!
    return { reasons: String(outputs['reasons']), why: `${status}: ${why}` }
  }
}

test('the gate remembers the last checkpoint of a log, and admits images of it as it grows', async () => {
  const { folder, image, remembered } = await setUp()
  const log = join(folder, 'log')
  const first = await image('log')
  expect(await first({ log })).toEqual({
    reasons: '',
    why: 'passed: the checkpoints continue what was seen of log.example.internal before',
  })
  const before = remembered()
  const second = await image('log')
  expect(await second({ log })).toMatchObject({ reasons: '' })
  expect(Number(remembered())).toBeGreaterThan(Number(before))
  // The older image is still in order, and moves nothing back.
  const after = remembered()
  expect(await first({ log })).toMatchObject({ reasons: '' })
  expect(remembered()).toBe(after)
})

test('offline it says that this was not checked', async () => {
  const { image, remembered } = await setUp()
  const run = await image('log')
  expect(await run()).toMatchObject({ reasons: '', why: expect.stringMatching(/^skipped: not checked: /) as string })
  const before = remembered()
  const other = await image('log')
  expect(await other()).toEqual({
    reasons: '',
    why: 'skipped: not checked: only the tiles of log.example.internal show that its checkpoints continue each other',
  })
  expect(remembered()).toBe(before)
})

test('a log that forked or was rolled back is refused, and nothing is remembered of it', async () => {
  const { folder, image, remembered } = await setUp()
  const [log, fork] = [join(folder, 'log'), join(folder, 'fork')]
  const run = await image('log')
  await run({ log })
  const before = remembered()
  const forked = await image('fork')
  expect(await forked({ log: fork })).toMatchObject({ reasons: 'log-broken' })
  await (
    await image('log')
  )({ log })
  const grown = remembered()
  // The fork is the smaller one now: a log that is shown as it was before.
  expect(await run({ log: fork })).toMatchObject({ reasons: 'log-broken' })
  expect(Number(grown)).toBeGreaterThan(Number(before))
  expect(remembered()).toBe(grown)
  await expect(run({ log: join(folder, 'none') })).rejects.toMatchObject({ code: 'not-found' })
})
