import type { EventDraft, Isolation } from '../../src/journal/event.ts'
import { checkOf, issuer, judge, make, ports } from '../../testkit/judged.ts'
import { initPolicy } from '../../src/verify/init/init.ts'
import { performerSteps } from '../../src/verify/checks/performers.ts'
import type { Gate } from '../../src/verify/candidate.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Outcome } from '../../src/verify/step.ts'
import { at, changed } from '../../testkit/chain.ts'

/** TRUST §3, §4, §5.6: whose word an event is, and what it says of the image. */
const claimed = (...kinds: EventDraft['kind'][]) => ({
  events: (events: EventDraft[]) =>
    events.map((event) => (kinds.includes(event.kind) ? { ...event, performer: 'caller' as const } : event)),
})

test.each([['build'], ['sbom'], ['encrypt']] as const)(
  'a %s event of a caller is the word of any step',
  async (kind) => {
    const made = await make({ ...claimed(kind), encrypted: kind === 'encrypt' })
    const more = { 'accept-unchecked-content': true }
    const verdict = await judge(made, more)
    expect(verdict.reasons).toEqual(['claimed-steps'])
    expect(checkOf(verdict, 'journal.performers').why).toContain(`${kind} of the journal`)
    const accepted = await judge(made, { ...more, 'accept-claimed-steps': true })
    expect(accepted.reasons).toEqual([])
    expect(accepted.exceptions).toContain('accept-claimed-steps')
  },
)

test('what a caller adds beside the agent’s own event refuses nothing, what stands alone for a statement does', async () => {
  const beside = await make({
    events: (events) => {
      const [job, build, ...rest] = events
      if (job === undefined || build === undefined) throw new Error('no events')
      return [job, { ...build, performer: 'caller', result: { ...build.result, rebuilds: 9 } }, build, ...rest]
    },
  })
  const verdict = await judge(beside)
  expect(verdict.reasons).toEqual([])
  expect(checkOf(verdict, 'journal.builds').why).toContain('the journal has 2 build events')
})

test('a record that only a caller’s build gave stands for itself, whatever digests it names', async () => {
  const forged = `sha256:${'f'.repeat(64)}` as const
  let own = ''
  const made = await make({
    payload: (kind, payload) =>
      kind === 'provenance'
        ? changed(payload, (predicate) => {
            const record = at(predicate, 'runDetails', 'byproducts', 0, 'digest')
            own = String(record['sha256'])
            record['sha256'] = forged.slice(7)
            // A label is a caller's wish: it may name the agent's own record.
            at(predicate, 'buildDefinition', 'externalParameters', 'labels')['x'] = own
          })
        : payload,
    events: (events) =>
      events.flatMap((event): EventDraft[] => {
        if (event.kind !== 'build') return [event]
        const outputs = event.outputs.map((item) => (item.role === 'build-record' ? { ...item, digest: forged } : item))
        return [event, { ...event, performer: 'caller', outputs }]
      }),
  })
  const verdict = await judge(made)
  expect(own).toMatch(/^[0-9a-f]{64}$/)
  expect(verdict.reasons).toEqual(['claimed-steps'])
})

describe('an encryption that a caller put beside the agent’s own', () => {
  const more = { 'accept-unchecked-content': true }
  const elsewhere = `sha256:${'e'.repeat(64)}` as const
  /** What the agent says it encrypted, and what a caller says of the same image. */
  const beside = (agentSays: 'the build' | 'something else') => ({
    encrypted: true,
    events: (events: EventDraft[]) =>
      events.flatMap((event): EventDraft[] => {
        if (event.kind !== 'encrypt') return [event]
        const other = event.inputs.map((item) => (item.role === 'image' ? { ...item, digest: elsewhere } : item))
        const [own, said] = agentSays === 'the build' ? [event.inputs, other] : [other, event.inputs]
        return [
          { ...event, performer: 'caller', inputs: said },
          { ...event, inputs: own },
        ]
      }),
  })

  test('does not count where the agent’s fits', async () => {
    expect((await judge(await make(beside('the build')), more)).reasons).toEqual([])
  })

  test('lends the image no build where the agent encrypted something else', async () => {
    const verdict = await judge(await make(beside('something else')), more)
    expect(verdict.reasons[0]).toBe('role-mismatch')
    expect(verdict.reasons).toContain('encryption-link')
  })

  test('refuses where the agent itself names two images', async () => {
    const made = await make({
      encrypted: true,
      events: (events) =>
        events.flatMap((event): EventDraft[] => {
          if (event.kind !== 'encrypt') return [event]
          const other = event.inputs.map((item) => (item.role === 'image' ? { ...item, digest: elsewhere } : item))
          return [event, { ...event, inputs: other }]
        }),
    })
    const verdict = await judge(made, more)
    expect(verdict.reasons).toEqual(['encryption-link'])
    expect(checkOf(verdict, 'encryption.link').why).toContain('more than one plain image')
  })

  test('refuses where the statement has other layers than the event', async () => {
    const made = await make({
      encrypted: true,
      events: (events) =>
        events.map((event) =>
          event.kind === 'encrypt'
            ? { ...event, result: { ...event.result, layers: [[elsewhere, elsewhere]] } }
            : event,
        ),
    })
    expect(checkOf(await judge(made, more), 'encryption.link').why).toContain('other layers than the encryption')
  })
})

describe('layers in clear', () => {
  const more = { 'accept-unchecked-content': true }
  test.each([
    ['none', true, { layers: 'all' }, null],
    ['none, by silence', true, { recipients: [`sha256:${'a'.repeat(64)}`] }, null],
    ['all, and the policy does not speak of encryption', false, undefined, null],
    ['all', false, { layers: 'all' }, 'parameters-refused'],
    ['all, where some may be', false, { layers: 'some' }, 'parameters-refused'],
  ] as const)('%s', async (_name, encrypted, encryption, reason) => {
    const verdict = await judge(await make({ encrypted }), {
      ...more,
      ...(encryption === undefined ? {} : { encryption }),
    })
    expect(checkOf(verdict, 'encryption.layers').reason).toBe(reason)
    expect(verdict.reasons).toEqual(reason === null ? [] : [reason])
  })
})

test('below agent-exclusive the line of the level covers performer and isolation, and says so', async () => {
  const check = checkOf(await judge(await make()), 'journal.performers')
  expect(check.why).toMatch(/performed by an agent of the job's own user, which accept-sample covers/)
  const { warnings } = await initPolicy((await make()).reference, { publicKeys: [], jwks: issuer.jwks }, ports)
  expect(warnings.join('\n')).toContain('an agent of the job’s own user')
})

test('policy init names claimed steps, and an everyday job needs at most four lines', async () => {
  const { reference } = await make(claimed('build', 'sbom'))
  const { text } = await initPolicy(reference, { publicKeys: [], jwks: issuer.jwks }, ports)
  expect(text.match(/^accept-[a-z-]+/gm)).toEqual(['accept-sample', 'accept-unproven-time', 'accept-claimed-steps'])
})

describe('isolation at agent-exclusive', () => {
  async function run(isolation: Partial<Isolation>, lines = '', level = 'agent-exclusive'): Promise<Outcome> {
    const step = performerSteps.find(({ id }) => id === 'journal.isolation')
    const policy = await parsePolicy(
      `version: 1\ntechnology: snp\naccept-machine-only: true\naccept-self-asserted-job: true\n${lines}`,
      '/policy.yml',
    )
    const build = {
      kind: 'build',
      performer: 'agent',
      isolation: { worker: 'own-user', steps: 'sandbox', network: 'none', ...isolation },
      inputs: [],
      outputs: [{ role: 'image', digest: 'sha256:00' }],
      result: {},
    }
    const gate = {
      policy,
      found: { journal: [build], sealed: 1, level, reference: null },
      subject: { descriptor: { digest: 'sha256:00' }, image: null },
      mine: [],
    } as unknown as Gate
    if (step === undefined) throw new Error('there is no such step')
    return step.run(gate)
  }
  test.each(['no-steps', 'vm', 'sandbox'] as const)('%s is enough', async (steps) => {
    expect((await run({ steps })).status).toBe('passed')
  })
  test.each([
    ['chroot', 'accept-steps-isolation: chroot\n', 'accepted'],
    ['chroot', 'accept-steps-isolation: none\n', 'accepted'],
    ['none', 'accept-steps-isolation: none\n', 'accepted'],
    ['none', 'accept-steps-isolation: chroot\n', 'failed'],
    ['chroot', 'accept-steps-isolation: engine\n', 'failed'],
    ['chroot', '', 'failed'],
    ['engine', 'accept-steps-isolation: none\n', 'failed'],
    ['engine', '', 'failed'],
  ] as const)('%s with "%s" is %s', async (steps, lines, status) => {
    expect(await run({ steps }, lines)).toMatchObject({ status, reason: 'isolation-short' })
  })
  test('a worker of the job’s own user excludes it; below it is covered by the level’s line', async () => {
    expect(await run({ worker: 'same-user' }, 'accept-steps-isolation: none\n')).toMatchObject({
      status: 'failed',
      reason: 'isolation-short',
    })
    expect(await run({ worker: 'same-user', steps: 'engine' }, '', 'machine-only')).toMatchObject({
      status: 'passed',
      why: expect.stringContaining('accept-machine-only'),
    })
  })
})

test.each([
  ['another configuration', 'build', 'outputs'],
  ['another configuration before its encryption', 'encrypt', 'inputs'],
] as const)('an image with %s than its event says is no image of that event', async (_name, kind, side) => {
  const made = await make({
    encrypted: kind === 'encrypt',
    events: (events) =>
      events.map((event) =>
        event.kind === kind
          ? {
              ...event,
              [side]: event[side].map((item) =>
                item.role === 'config' ? { ...item, digest: `sha256:${'0'.repeat(64)}` as const } : item,
              ),
            }
          : event,
      ),
  })
  const verdict = await judge(made, { 'accept-unchecked-content': true })
  expect(verdict.reasons).toEqual(['role-mismatch'])
  expect(checkOf(verdict, 'journal.config').status).toBe('failed')
})

test('an image without encrypted layers has no plain form', async () => {
  const other = `sha256:${'3'.repeat(64)}` as const
  const made = await make({
    events: (events) =>
      events.flatMap((event): EventDraft[] => {
        if (event.kind !== 'build') return [event]
        const [image] = event.outputs.filter(({ role }) => role === 'image')
        if (image === undefined) return [event]
        const moved = event.outputs.map((item) => (item.role === 'image' ? { ...item, digest: other } : item))
        return [
          { ...event, outputs: moved },
          { ...event, kind: 'encrypt', inputs: [{ ...image, digest: other }], outputs: [image], result: {} },
        ]
      }),
  })
  expect((await judge(made)).reasons).toContain('role-mismatch')
})

test.each([
  ['no rebuilds', { rebuilds: 0 }],
  ['other rebuilds', { rebuilds: 2 }],
  ['rebuilds that differed', { reproducible: false }],
])('a rebuild statement over a build with %s is role-mismatch', async (_name, result) => {
  const made = await make({
    events: (events) =>
      events.map((event) => (event.kind === 'build' ? { ...event, result: { ...event.result, ...result } } : event)),
  })
  expect((await judge(made)).reasons).toEqual(['role-mismatch'])
})
