import { createHash } from 'node:crypto'
import { agentStart, recordData } from '../../src/tee/register/index.ts'
import { initPolicy } from '../../src/verify/init/init.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { changed, at as member, forgeChain, makeIssuer, type ChainBase } from '../../testkit/chain.ts'
import { forgedTpm } from '../../testkit/tee/tpm/forged-tpm.ts'
import { testPorts } from '../../testkit/ports.ts'
import { preparedImages } from '../../testkit/prepared-image.ts'
import { smallClaims } from '../../testkit/small-image.ts'

/** The gate over a SYNTHETIC measured boot with a log: events that the policy wants, and what shim put into the agent's register. */
const ports = testPorts()
const issuer = makeIssuer()
const prepared = preparedImages('boot-log')
const now = new Date()

interface Event {
  pcr: number
  type: number
  data: Buffer
  /** Digest, where it is not of the data. */
  digest?: Buffer
}

const sha256 = (...parts: Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function variable(name: string, value: number): Buffer {
  const text = Buffer.from(name, 'utf16le')
  const lengths = Buffer.alloc(16)
  lengths.writeBigUInt64LE(BigInt(name.length))
  lengths.writeBigUInt64LE(1n, 8)
  return Buffer.concat([Buffer.from('61dfe48bca93d211aa0d00e098032b8c', 'hex'), lengths, text, Buffer.from([value])])
}

const boot: Event[] = [
  { pcr: 7, type: 0x80000001, data: variable('SecureBoot', 1) },
  { pcr: 7, type: 4, data: Buffer.alloc(4) },
  { pcr: 4, type: 0x80000007, data: Buffer.from('Calling EFI Application from Boot Option') },
]
const shim: Event = { pcr: 14, type: 0x0d, data: Buffer.from('MokList\0') }
const labelled: Event = { pcr: 14, type: 0x0d, data: Buffer.from('MokListX\0'), digest: sha256(Buffer.from('content')) }
const marked: Event = {
  pcr: 14,
  type: 6,
  data: recordData(agentStart({ job: `sha256:${'0'.repeat(64)}`, key: 'k'.repeat(43) })),
}

function logOf(events: readonly Event[]): Buffer {
  const inner = Buffer.concat([
    Buffer.from('Spec ID Event03\0', 'latin1'),
    Buffer.from('0000000000020002010000000b00200000', 'hex'),
  ])
  const header = Buffer.concat([u32(0), u32(3), Buffer.alloc(20), u32(inner.length), inner])
  const records = events.map(({ pcr, type, data, digest = sha256(data) }) =>
    Buffer.concat([u32(pcr), u32(type), u32(1), Buffer.from('0b00', 'hex'), digest, u32(data.length), data]),
  )
  return Buffer.concat([header, ...records])
}

function pcrsOf(events: readonly Event[]): Record<number, Buffer> {
  const values: Record<number, Buffer> = {}
  for (const { pcr, data, digest = sha256(data) } of events)
    values[pcr] = sha256(values[pcr] ?? Buffer.alloc(32), digest)
  return values
}

async function image(events: readonly Event[], logged: readonly Event[] | null = events): Promise<string> {
  const { reference, store, base } = await prepared()
  const machine = forgedTpm({
    pcrs: pcrsOf(events),
    documents: () => (logged === null ? {} : { 'tcg-event-log': logOf(logged).toString('base64') }),
  })
  const payload = (kind: string, bytes: Buffer): Buffer =>
    kind === 'provenance'
      ? changed(
          bytes,
          (predicate) =>
            void (member(predicate, 'runDetails', 'builder')['id'] = 'https://sealwright.dev/builder/v1/tpm-software'),
        )
      : bytes
  await forgeChain(store, base, { issuer, at: now, payload, machine })
  return reference
}

async function judge(
  tee: object,
  events: readonly Event[],
  logged?: readonly Event[] | null,
  more: object = {},
): Promise<Verdict> {
  const text = policyText({ claims: smallClaims } as unknown as ChainBase, issuer, {
    'accept-sample': undefined,
    'accept-software-tpm': true,
    'accept-coverage-short': true,
    'accept-machine-only': true,
    'accept-storage-exposed': true,
    measurements: [{ values: { pcr4: pcrsOf(boot)[4]?.toString('hex') } }],
    tee,
    ...more,
  })
  const reference = await image(events, logged)
  return verifyImage(reference, await parsePolicy(text, '/policy.yml'), { at: now }, ports)
}

const first = (verdict: Verdict) => verdict.checks.find(({ status }) => status === 'failed')
const wanted = {
  'secure-boot': 'require',
  'event-log': [{ register: 'pcr4', text: 'Calling EFI Application from Boot Option' }],
}

test('wanted events of the replayed log pass', async () => {
  const verdict = await judge(wanted, boot)
  expect(first(verdict)).toBeUndefined()
  expect(verdict.checks.find(({ id }) => id === 'machine.events')?.status).toBe('passed')
})

test('a boot without Secure Boot, or a log that leads elsewhere, is refused', async () => {
  const off = [{ pcr: 7, type: 0x80000001, data: variable('SecureBoot', 0) }, ...boot.slice(1)]
  expect(first(await judge(wanted, off))).toMatchObject({ id: 'machine.events', reason: 'evidence-invalid' })
  expect(first(await judge(wanted, off, boot))).toMatchObject({ id: 'evidence.reports', reason: 'evidence-invalid' })
})

test('root cannot say afterwards that Secure Boot was on', async () => {
  const [, ...rest] = boot
  const firmware: Event = { pcr: 7, type: 0x80000001, data: variable('SecureBoot', 0) }
  const later: Event = { pcr: 7, type: 0x80000001, data: variable('SecureBoot', 1) }
  // The log replays: it only calls the firmware's own word something else.
  const renamed: Event = { pcr: 7, type: 0x80000007, data: Buffer.from('nothing'), digest: sha256(firmware.data) }
  const verdict = await judge(wanted, [firmware, ...rest, later], [renamed, ...rest, later])
  expect(first(verdict)).toMatchObject({ id: 'machine.events', reason: 'evidence-invalid' })
})

test('a long text in the boot log is told in no time', async () => {
  const long: Event = { pcr: 14, type: 0x0d, data: Buffer.concat([Buffer.alloc(1 << 20), Buffer.from('x')]) }
  const began = performance.now()
  const verdict = await judge({ register: { foreign: 'name' } }, [...boot, long])
  expect(performance.now() - began).toBeLessThan(10_000)
  expect(verdict.checks.find(({ id }) => id === 'machine.foreign')?.why).toContain(`${long.data.length} bytes`)
})

const digestOf = ({ data, digest = sha256(data) }: Event) => digest.toString('hex')

test('what others put into the register is refused, or named where it can be read', async () => {
  expect(first(await judge({}, [...boot, shim]))).toMatchObject({
    id: 'machine.foreign',
    reason: 'register-mismatch',
    why: expect.stringContaining('MokList'),
  })
  const verdict = await judge({ register: { foreign: 'name' } }, [...boot, shim])
  expect(first(verdict)).toBeUndefined()
  expect(verdict.machine?.register?.foreign).toHaveLength(1)
  expect(verdict.checks.find(({ id }) => id === 'machine.foreign')?.why).toContain('MokList')
})

test('what cannot be read may be another agent: it counts by its digest, or by a line of its own', async () => {
  const events = [...boot, shim, labelled]
  const named = { register: { foreign: 'name' } }
  expect(first(await judge(named, events))).toMatchObject({
    id: 'machine.foreign',
    reason: 'register-mismatch',
    why: expect.stringContaining('accept-foreign-extensions'),
  })
  const accepted = await judge(named, events, events, { 'accept-foreign-extensions': true })
  expect(first(accepted)).toBeUndefined()
  expect(accepted.exceptions).toContain('accept-foreign-extensions')
  const listed = await judge({ register: { foreign: [digestOf(shim), digestOf(labelled)] } }, events)
  expect(first(listed)).toBeUndefined()
  expect(listed.exceptions).not.toContain('accept-foreign-extensions')
  expect(first(await judge({ register: { foreign: [digestOf(shim)] } }, events))).toMatchObject({
    id: 'machine.foreign',
    why: expect.stringContaining(digestOf(labelled)),
  })
})

test('an agent before this one that the log calls something else is not overlooked', async () => {
  const hidden: Event = { pcr: 14, type: 0x0d, data: Buffer.from('MokList'), digest: sha256(marked.data) }
  expect(first(await judge({ register: { foreign: 'name' } }, [...boot, hidden]))).toMatchObject({
    id: 'machine.foreign',
  })
  expect(first(await judge({ register: { foreign: [digestOf(shim)] } }, [...boot, hidden]))).toMatchObject({
    id: 'machine.foreign',
  })
})

test('an agent’s mark in the boot log is refused in any case', async () => {
  const verdict = await judge({ register: { foreign: 'name' } }, [...boot, marked])
  expect(first(verdict)).toMatchObject({ id: 'evidence.reports', reason: 'register-mismatch' })
})

test('a boot event that the log leaves out is an unknown extension', async () => {
  const verdict = await judge({ register: { foreign: 'name' } }, [...boot, shim], boot)
  expect(first(verdict)).toMatchObject({ id: 'evidence.reports', reason: 'register-mismatch' })
  const none = await judge({ register: { foreign: 'name' } }, [...boot, shim], null)
  expect(first(none)).toMatchObject({ id: 'evidence.reports', reason: 'register-mismatch' })
})

test('policy init names foreign events that can be read, and pins the others', async () => {
  const init = async (events: readonly Event[]) =>
    (await initPolicy(await image(events), { publicKeys: [], jwks: issuer.jwks }, ports)).text
  expect(await init([...boot, shim])).toContain('register: { foreign: name }')
  const text = await init([...boot, shim, labelled])
  expect(text).toContain(`- "${digestOf(labelled)}"  # EV_IPL`)
  expect(text).not.toContain('accept-foreign-extensions')
})
