import type { KeyObject } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TeeChoice } from '../../src/tee/choice.ts'
import { collectorsFor, chooseCollector } from '../../src/tee/collect/index.ts'
import { agentStart, parseRuntimeLog } from '../../src/tee/register/index.ts'
import { openRemedy } from '../../src/tee/tpm/device-transport.ts'
import { createPrimary, withPrimary } from '../../src/tee/tpm/keys.ts'
import { nvDefine, nvPublic, nvUndefine, nvWrite } from '../../src/tee/tpm/nv.ts'
import { openTpm, tpmAddress } from '../../src/tee/tpm/open.ts'
import { extendPcr, readPcrs } from '../../src/tee/tpm/pcr.ts'
import { quoteWithValues } from '../../src/tee/tpm/quote.ts'
import { attestationTemplate, endorsementIndices } from '../../src/tee/tpm/templates.ts'
import { hasTools } from '../../src/tee/tpm/tool-transport.ts'
import { Tpm } from '../../src/tee/tpm/tpm.ts'
import type { Ports } from '../../src/base/ports.ts'
import { keyFingerprint } from '../../src/tee/verify/tpm/attestation-key.ts'
import { verifiers } from '../../src/tee/verify/index.ts'
import type { TeeEvidence, TeeVerdict } from '../../src/tee/types.ts'
import { makeExec } from '../../src/runner/exec.ts'
import { makeCertificate, makeKey } from '../../testkit/tee/pki/pki.ts'
import { recordingLog, scratch, testPorts } from '../../testkit/ports.ts'
import { vector, withPeers } from '../../testkit/peers.ts'
import { withSwtpm, type TestTpm } from '../../testkit/tee/tpm/with-swtpm.ts'
import { contextAt } from '../../testkit/verify-context.ts'
import { factsJson } from '../../src/tee/facts/json.ts'

const data = Buffer.alloc(48, 7)
const log = vector('tee/tpm/qemu-ovmf-uki')
const collectorOf = (tpm: TestTpm, more: Partial<TeeChoice> = {}) =>
  collectorsFor({ tpmDevice: tpm.device, ...more }).tpm
const verify = (taken: TeeEvidence, bound = data): TeeVerdict =>
  verifiers.tpm.verify(taken, bound, { ...contextAt(new Date()), rules: { tpm: { acceptSoftwareTpm: true } } })
const failed = ({ checks }: TeeVerdict): string[] => checks.filter(({ ok }) => !ok).map(({ name }) => name)
const live = (title: string, use: Parameters<typeof withSwtpm>[0]): void =>
  withPeers(['swtpm', 'tpm2'], title, () => withSwtpm(use))

live('evidence of a plain TPM is Trustee’s form over 32 bytes, verifies, and names a software TPM', async (tpm) => {
  const taken = await collectorOf(tpm).collect(data, tpm.ports)
  expect(Object.keys(taken.evidence)).toEqual(['ak_public', 'tpm_quote'])
  expect(Object.keys(taken.documents)).toEqual(['ak-tpmt'])
  const verdict = verify(taken)
  expect(failed(verdict)).toEqual([])
  expect(verdict).toMatchObject({ status: 'verified', register: null, facts: { trust: { softwareTpm: true } } })
  expect(factsJson(verdict)['qualifyingData']).toBe(data.subarray(0, 32).toString('hex'))
  expect(failed(verify(taken, Buffer.alloc(48, 8)))).toEqual(['qualifying-data'])
  // A refusal without the name for it.
  expect(failed(verifiers.tpm.verify(taken, data, contextAt(new Date())))).toEqual(['ak-trust'])
})

live('an endorsement certificate and an activation record travel along', async (tpm) => {
  const maker = makeKey('P-256')
  const der = makeCertificate({ subject: 'TPM', issuer: 'Maker', key: maker, by: maker })
  await tpm.use(async (open) => {
    await nvDefine(open, endorsementIndices.rsa, 1024)
    await nvWrite(open, endorsementIndices.rsa, Buffer.concat([der, Buffer.alloc(1024 - der.length, 0xff)]))
    // Something that is no certificate is none.
    await nvDefine(open, endorsementIndices.ecc, 64)
    await nvWrite(open, endorsementIndices.ecc, Buffer.alloc(64, 0xff))
  })
  const file = join(scratch(), 'record.json')
  writeFileSync(file, '{"a":1}')
  const log = recordingLog()
  const { documents } = await collectorOf(tpm, { akActivation: file }).collect(data, { ...tpm.ports, log })
  expect(log.lines.join()).toMatch(/NV index 0x1c0000a .*evidence goes without it/)
  expect(Buffer.from(documents['ek-certificate'] ?? '', 'base64').equals(der)).toBe(true)
  expect(Buffer.from(documents['ak-activation'] ?? '', 'base64').toString()).toBe('{"a":1}')
  await expect(collectorOf(tpm, { akActivation: '/none' }).collect(data, tpm.ports)).rejects.toMatchObject({
    code: 'file-missing',
    subject: 'ak-activation',
  })
  writeFileSync(file, Buffer.alloc(70_000))
  await expect(collectorOf(tpm, { akActivation: file }).collect(data, tpm.ports)).rejects.toMatchObject({
    code: 'file-invalid',
  })
})

live(
  'an attestation key that the cloud certified is taken, with its certificate; one of another key is not',
  async (tpm) => {
    // SYNTHETIC: as Google's vTPM has it, a template of its own in NV and a certificate of the key that it makes.
    const template = attestationTemplate('ecc')
    template.writeUInt32BE(0x00050472, 4) // noDA beside ours: another key
    const maker = makeKey('P-256')
    const name = 'Synthetic TPM Root'
    const root = makeCertificate({ subject: name, issuer: name, key: maker, by: maker, ca: { pathLength: 0 } })
    const certify = (publicKey: KeyObject): Buffer =>
      makeCertificate({ subject: 'vm', issuer: name, key: { ...maker, publicKey }, by: maker, usage: 0x80 })
    const store = (index: number, bytes: Buffer): Promise<void> =>
      tpm.use(async (open) => {
        if ((await nvPublic(open, index)) !== null) await nvUndefine(open, index)
        await nvDefine(open, index, bytes.length)
        await nvWrite(open, index, bytes)
      })
    const key = await tpm.use((open) => withPrimary(open, 'endorsement', template, async (made) => made.public.key))
    const own = await collectorOf(tpm).collect(data, tpm.ports)
    await store(0x01c10003, Buffer.concat([Buffer.from([0, template.length]), template]))
    await store(0x01c10002, certify(key))
    const taken = await collectorOf(tpm).collect(data, tpm.ports)
    const verdict = verifiers.tpm.verify(taken, data, { ...contextAt(new Date()), rules: { tpm: { ekRoots: [root] } } })
    expect(failed(verdict)).toEqual([])
    expect(factsJson(verdict)).toMatchObject({ softwareTpm: false, ak: `sha256:${keyFingerprint(key)}` })
    expect(
      verifiers.tpm.verify(own, data, { ...contextAt(new Date()), rules: { tpm: { ekRoots: [root] } } }).status,
    ).toBe('refused')

    await store(0x01c10002, certify(makeKey('P-256').publicKey))
    const log = recordingLog()
    const again = await collectorOf(tpm).collect(data, { ...tpm.ports, log })
    expect(again.documents['ak-tpmt']).toBe(own.documents['ak-tpmt'])
    expect(again.documents['ak-certificate']).toBeUndefined()
    expect(log.lines.join()).toContain('our own key is taken')
  },
)

live('the register: another PCR by choice, a digest in every bank, a log that leads to the quote', async (tpm) => {
  const record = agentStart({ key: 'K'.repeat(43), job: `sha256:${'1'.repeat(64)}` })
  const collector = collectorOf(tpm, { register: 'pcr11' })
  const register = await collector.openRegister!(tpm.ports)
  expect(register).toMatchObject({ name: 'pcr11', warning: null })
  await register!.extend(record)
  const [entry] = parseRuntimeLog(register!.log())
  expect([...entry!.digests.keys()]).toEqual(['sha1', 'sha256', 'sha384', 'sha512'])
  const taken = await collector.collect(data, tpm.ports, register!.log())
  const context = { ...contextAt(new Date()), rules: { register: 'pcr11', tpm: { acceptSoftwareTpm: true } } }
  const verdict = verifiers.tpm.verify(taken, data, context)
  expect(failed(verdict)).toEqual([])
  expect(verdict.register).toEqual({ name: 'pcr11', resettable: false, records: [record], foreign: [] })
  // tpm2-tools extend the same digests to the same value.
  const hex = (hash: 'sha1' | 'sha256' | 'sha384' | 'sha512') => `${hash}=${entry!.digests.get(hash)!.toString('hex')}`
  tpm.tool('pcrextend', `12:${hex('sha1')},${hex('sha256')},${hex('sha384')},${hex('sha512')}`)
  for (const hash of ['sha1', 'sha256', 'sha384', 'sha512'] as const) {
    const values = await tpm.use((open) => readPcrs(open, hash, [11, 12]))
    expect(values.get(11)).toEqual(values.get(12))
  }
  expect((await collector.openRegister!(tpm.ports))?.warning).toContain('pcr11 already holds')
})

live('resettable and foreign registers are refused; in tests one is reported resettable', async (tpm) => {
  for (const register of ['pcr16', 'pcr23', 'rtmr3', 'pcr7', 'x']) {
    await expect(collectorOf(tpm, { register }).openRegister!(tpm.ports)).rejects.toMatchObject({
      code: 'input-invalid',
      subject: 'register',
    })
  }
  const ports = { ...tpm.ports, env: { SEALWRIGHT_TEST_REGISTERS: '1' } }
  const collector = collectorOf(tpm, { register: 'pcr16' })
  const register = await collector.openRegister!(ports)
  await register!.extend(agentStart({ key: 'K'.repeat(43), job: `sha256:${'1'.repeat(64)}` }))
  const taken = await collector.collect(data, ports, register!.log())
  const context = { ...contextAt(new Date()), rules: { register: 'pcr16', tpm: { acceptSoftwareTpm: true } } }
  expect(verifiers.tpm.verify(taken, data, context).register?.resettable).toBe(true)
})

live('PCRs that move between reading and quoting are read again', async (tpm) => {
  const open = await openTpm(tpmAddress(tpm.device, tpm.ports), tpm.ports)
  const key = await createPrimary(open, 'endorsement', attestationTemplate('ecc'))
  let quotes = 0
  const restless = (times: number): Tpm =>
    new Tpm(
      {
        name: 'restless',
        exchange: async (command) => {
          const isQuote = command.readUInt32BE(6) === 0x158
          if (isQuote && ++quotes <= times) await extendPcr(open, 9, new Map([['sha256', Buffer.alloc(32, quotes)]]))
          return open.transport.exchange(command)
        },
        close: async () => {},
      },
      tpm.ports.clock,
    )
  const taken = await quoteWithValues(restless(2), key.handle, data, 'sha256')
  expect(quotes).toBe(3)
  expect(taken.values.get(9)).toEqual((await readPcrs(open, 'sha256', [9])).get(9))
  quotes = 0
  await expect(quoteWithValues(restless(Infinity), key.handle, data, 'sha256')).rejects.toThrow('kept changing')
  await open.close()
})

live('without the device, tpm2-tools give the same key, quote, logs and register', async (tpm) => {
  const env = { PATH: process.env['PATH'], TPM2TOOLS_TCTI: tpm.tcti }
  const base = testPorts()
  const ports = { ...base, env, exec: makeExec(env) }
  const tools = collectorsFor({}).tpm
  expect(await tools.missing(ports)).toBeNull()
  expect(await tools.missing({ ...ports, env: { PATH: env.PATH } })).toMatch(/^tpm: the device .*tpmrm0 is not there/)
  const register = await tools.openRegister!(ports)
  await register!.extend(agentStart({ key: 'K'.repeat(43), job: `sha256:${'1'.repeat(64)}` }))
  const taken = await tools.collect(data, ports, register!.log())
  const verdict = verify(taken)
  expect(failed(verdict)).toEqual([])
  expect(verdict.register?.records).toHaveLength(1)
  const native = await collectorOf(tpm).collect(data, tpm.ports)
  expect(native.evidence['ak_public']).toBe(taken.evidence['ak_public'])
  expect(native.documents['ak-tpmt']).toBe(taken.documents['ak-tpmt'])
  expect(verify(native).machine).toBe(verdict.machine)
  expect(tpm.tool('getcap', 'handles-transient')).toBe('')
})

withPeers(
  ['swtpm', 'tpm2', 'vectors:tee/tpm/qemu-ovmf-uki'],
  'kernel logs travel with the machine’s own TPM and are replayed; a software TPM behind a socket has none',
  () =>
    withSwtpm(async (tpm) => {
      const { securityfs } = tpm.ports.roots
      const bytes = readFileSync(join(log, 'run1/evlog.bin'))
      mkdirSync(join(securityfs, 'tpm0'), { recursive: true })
      writeFileSync(join(securityfs, 'tpm0/binary_bios_measurements'), bytes)
      expect((await collectorOf(tpm).collect(data, tpm.ports)).documents['tcg-event-log']).toBeUndefined()
      const env = { PATH: process.env['PATH'], TPM2TOOLS_TCTI: tpm.tcti }
      const taken = await collectorsFor({}).tpm.collect(data, { ...tpm.ports, env, exec: makeExec(env) })
      expect(taken.documents['tcg-event-log']).toBe(bytes.toString('base64'))
      // That log is of another machine: it does not lead to these PCRs.
      expect(failed(verify(taken))).toContain('replay PCR 0')
    }),
)

describe('tpm2-tools in place of a device that may not be opened', () => {
  const asked: (string | undefined)[] = []
  const tools = (code: number, stdout: Buffer, found = true): Ports['exec'] => ({
    find: async () => (found ? '/usr/bin/tpm2_send' : null),
    run: async (_command, _args, options) => {
      asked.push(options?.env?.['TPM2TOOLS_TCTI'])
      return { code, stdout, stderr: '' }
    },
  })
  const answer = Buffer.alloc(16)
  test.each<[string, boolean, Ports['exec'], Record<string, string>, boolean, string | undefined]>([
    ['the daemon answers', true, tools(0, answer), {}, true, 'tabrmd:bus_type=system'],
    ['what the admin named answers', false, tools(0, answer), { TPM2TOOLS_TCTI: 'swtpm:path=x' }, true, 'swtpm:path=x'],
    ['there is no device', false, tools(0, answer), {}, false, undefined],
    ['there are no tools', true, tools(0, answer, false), {}, false, undefined],
    ['the daemon does not run', true, tools(1, Buffer.alloc(0)), {}, false, 'tabrmd:bus_type=system'],
    ['the answer is an error', true, tools(0, Buffer.alloc(10)), {}, false, 'tabrmd:bus_type=system'],
  ])('%s', async (_what, exists, exec, env, usable, way) => {
    asked.length = 0
    expect(await hasTools({ ...testPorts(), exec, env }, exists)).toBe(usable)
    expect(asked[0]).toBe(way)
  })
})

describe('what is missing is said with the way out', () => {
  const missing = async (options: Partial<TeeChoice>, ports = testPorts()) => collectorsFor(options).tpm.missing(ports)

  test('no device, no socket, no right', async () => {
    const ports = testPorts()
    expect(await missing({}, ports)).toMatch(/^tpm: the device .*\/tpmrm0 is not there\. .*CONFIG_TCG_TPM/)
    expect(await missing({ tpmDevice: 'swtpm:/none' })).toMatch(/^tpm: the socket \/none of the software TPM/)
    await expect(chooseCollector('tpm', ports)).rejects.toMatchObject({ code: 'technology-refused', exitCode: 1 })
    await expect(missing({ tpmDevice: 'tpm0' })).rejects.toMatchObject({ code: 'input-invalid', subject: 'tpm-device' })
  })

  test('a device of another group', () => {
    expect(openRemedy('EACCES')).toMatch(/group of the device \(tss on Debian/)
    expect(openRemedy('EBUSY')).toContain('/dev/tpmrm0')
  })
})

live('a password on the endorsement hierarchy is named, with what to do', async (tpm) => {
  tpm.tool('changeauth', '-c', 'e', 'secret')
  await expect(collectorOf(tpm).collect(data, tpm.ports)).rejects.toMatchObject({
    message: expect.stringContaining('TPM_RC_BAD_AUTH'),
    remedy: expect.stringContaining('empty'),
  })
})
