import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { JsonObject } from '../../src/base/json.ts'
import { jobDigest, thumbprint } from '../../src/journal/binding.ts'
import { snpReportJson } from '../../src/tee/collect/snp-json.ts'
import { agentStart, encodeRecord, journalHead, recordDigests } from '../../src/tee/register/index.ts'
import { initPolicy, type InitOptions } from '../../src/verify/init/init.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage, type VerifyOptions } from '../../src/verify/verify-image.ts'
import { policyText } from '../../testkit/policy-text.ts'
import {
  changed,
  at as member,
  forgeChain,
  makeIssuer,
  type ChainBase,
  type ForgedMachine,
} from '../../testkit/chain.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { preparedImages } from '../../testkit/prepared-image.ts'
import { smallClaims } from '../../testkit/small-image.ts'
import { syntheticCrl, syntheticSnp, syntheticTrust } from '../../testkit/tee/pki/snp.ts'
import { makeWorld, type WorldOptions } from '../../testkit/tee/tdx/synthetic.ts'

/** The whole gate over reports of SYNTHETIC processors, with collateral out of a folder. */
const ports = testPorts()
const issuer = makeIssuer()
const prepared = preparedImages('cpu-gate')

async function forge(machine: ForgedMachine, at: Date): Promise<string> {
  const { reference, store, base } = await prepared()
  const id = `https://sealwright.dev/builder/v1/${machine.technology}/machine-only`
  const payload = (kind: string, bytes: Buffer): Buffer =>
    kind === 'provenance'
      ? changed(bytes, (predicate) => void (member(predicate, 'runDetails', 'builder')['id'] = id))
      : bytes
  await forgeChain(store, base, { issuer, at, payload, machine })
  return reference
}

async function judge(
  machine: ForgedMachine,
  policy: Record<string, unknown>,
  options: VerifyOptions & { at: Date },
): Promise<Verdict> {
  const reference = await forge(machine, options.at)
  const text = policyText({ claims: smallClaims } as unknown as ChainBase, issuer, {
    'accept-sample': undefined,
    technology: machine.technology,
    ...policy,
  })
  return verifyImage(reference, await parsePolicy(text, '/policy.yml'), options, ports)
}

const first = (verdict: Verdict) => verdict.checks.find(({ status }) => status === 'failed')
/** A first policy, made of an image at a time. */
async function firstPolicy(machine: ForgedMachine, at: Date, options: Partial<InitOptions>): Promise<string> {
  const then = { ...ports, clock: { ...ports.clock, now: () => at } }
  const { text } = await initPolicy(await forge(machine, at), { publicKeys: [], jwks: issuer.jwks, ...options }, then)
  return text
}

const hardwareOnly = (text: string) =>
  (text.match(/^accept-[a-z-]+/gm) ?? []).filter(
    (name) =>
      !['accept-unproven-time', 'accept-machine-only', 'accept-coverage-short', 'accept-storage-exposed'].includes(
        name,
      ),
  )

const covered = {
  covers: ['firmware', 'kernel', 'initrd', 'cmdline', 'rootfs', 'runner', 'agent'],
  storage: 'sealed',
  level: 'agent-exclusive',
}

describe('SNP', () => {
  const now = new Date('2026-06-01T00:00:00Z')
  const trust = { snp: syntheticTrust() }
  const key = syntheticSnp({ line: 'Milan' }).certificates[0] ?? Buffer.alloc(0)

  function snpMachine(change: (report: Buffer, role: string) => void = () => {}): ForgedMachine {
    return {
      technology: 'snp',
      report: ({ role }, data) => {
        const { report } = syntheticSnp({
          line: 'Milan',
          change: (bytes) => {
            bytes.fill(0, 0x50, 0x90)
            data.copy(bytes, 0x50)
            bytes.fill(0x1d, 0x140, 0x160)
            change(bytes, role)
          },
        })
        const evidence = { attestation_report: snpReportJson(report), cert_chain: null } as JsonObject
        return { technology: 'snp', evidence, documents: {} }
      },
    }
  }

  async function folder(list = syntheticCrl('Milan')): Promise<string> {
    const path = scratch('snp-collateral')
    await writeFile(join(path, 'vcek.der'), key)
    await writeFile(join(path, 'milan.crl'), list)
    return path
  }

  const policy = { measurements: [{ values: { measurement: '4d'.repeat(48) }, ...covered }] }
  const ask = async (machine: ForgedMachine, more: object = {}, options: Partial<VerifyOptions> = {}) =>
    judge(machine, { ...policy, ...more }, { trust, collateral: await folder(), ...options, at: now })

  test('passes with its keys and lists out of a folder, without any exception of hardware', async () => {
    const verdict = await ask(snpMachine())
    expect(first(verdict)).toBeUndefined()
    expect(verdict.exceptions).toEqual(['accept-unproven-time'])
    expect(verdict.builder).toMatchObject({ id: expect.stringMatching(/snp\/agent-exclusive$/) })
    expect(verdict.machine).toMatchObject({
      id: expect.stringMatching(/^snp:(1d){32}:/),
      chip: expect.stringMatching(/^[0-9a-f]{128}$/),
      status: { vmpl: 0, revocationChecked: true },
      register: null,
    })
    expect(verdict.checks.find(({ id }) => id === 'machine.register')?.why).toContain('no register')
  })

  test.each<[string, ForgedMachine, Record<string, unknown>, string, string]>([
    [
      'another guest at the seal',
      snpMachine((report, role) => role === 'seal' && report.fill(0x2d, 0x140, 0x160)),
      {},
      'machine.same',
      'evidence-invalid',
    ],
    [
      'another measurement',
      snpMachine((report) => report.fill(0x4e, 0x90, 0xc0)),
      {},
      'machine.measurement',
      'evidence-invalid',
    ],
    [
      'another measurement at the seal alone',
      snpMachine((report, role) => role === 'seal' && report.fill(0x4e, 0x90, 0xc0)),
      {},
      'machine.measurement',
      'evidence-invalid',
    ],
    [
      'a report over other data',
      snpMachine((report) => report.fill(0x11, 0x50, 0x60)),
      {},
      'evidence.reports',
      'binding-mismatch',
    ],
    [
      'a guest that may be debugged',
      snpMachine((report) => report.writeBigUInt64LE(0xb001fn, 8)),
      {},
      'evidence.reports',
      'evidence-invalid',
    ],
    [
      'a report of VMPL 1',
      snpMachine((report) => report.writeUInt32LE(1, 0x30)),
      {},
      'evidence.reports',
      'evidence-invalid',
    ],
    [
      'a report of VMPL 0 where 1 is wanted',
      snpMachine(),
      { tee: { snp: { vmpl: 1 } }, 'accept-vmpl': true },
      'evidence.reports',
      'evidence-invalid',
    ],
    [
      'a TCB below the least',
      snpMachine(),
      { tee: { snp: { 'minimum-tcb': { Milan: { bootloader: 2, tee: 3, snp: 5, microcode: 9 } } } } },
      'evidence.reports',
      'evidence-invalid',
    ],
    [
      'a line that is not named',
      snpMachine(),
      { tee: { snp: { lines: ['Turin'] } } },
      'evidence.reports',
      'evidence-invalid',
    ],
    ['another chip', snpMachine(), { tee: { chips: ['00'.repeat(63) + '01'] } }, 'hardware.chip', 'machine-refused'],
    ['an old firmware by its number', snpMachine(), { 'minimum-svn': { 'tcb.reported.snp': 9 } }, 'deny.svn', 'denied'],
    ['a denied measurement', snpMachine(), { deny: { measurements: ['4d'.repeat(48)] } }, 'deny.list', 'denied'],
  ])('%s is refused', async (_what, machine, more, id, reason) => {
    expect(first(await ask(machine, more))).toMatchObject({ id, reason })
  })

  test('VMPL 1 passes by its own line alone, and is named', async () => {
    const machine = snpMachine((report) => report.writeUInt32LE(1, 0x30))
    const verdict = await ask(machine, { tee: { snp: { vmpl: 1 } }, 'accept-vmpl': true })
    expect(first(verdict)).toBeUndefined()
    expect(verdict.exceptions).toContain('accept-vmpl')
  })

  test('without a revocation list it needs its line, with one that revokes nothing helps', async () => {
    const bare = scratch('snp-collateral')
    await writeFile(join(bare, 'vcek.der'), key)
    expect(first(await ask(snpMachine(), {}, { collateral: bare }))).toMatchObject({ id: 'hardware.revocation' })
    const lenient = await ask(snpMachine(), { 'accept-no-crl': true }, { collateral: bare })
    expect(first(lenient)).toBeUndefined()
    expect(lenient.exceptions).toContain('accept-no-crl')
    const revoked = await folder(syntheticCrl('Milan', { revoked: [0x30001] }))
    expect(first(await ask(snpMachine(), { 'accept-no-crl': true }, { collateral: revoked }))).toMatchObject({
      id: 'evidence.reports',
      why: expect.stringContaining('revoked'),
    })
  })

  test('policy init pins the measurement, names the folder, and writes VMPL and line together', async () => {
    const machine = snpMachine((report) => report.writeUInt32LE(1, 0x30))
    const collateral = { path: await folder(), name: 'collateral' }
    const text = await firstPolicy(machine, now, { trust, collateral })
    expect(text).toContain(`measurement: "${'4d'.repeat(48)}"`)
    expect(text).toContain('collateral: "collateral"')
    expect(text).toContain('snp: { vmpl: 1 }')
    expect(text).not.toMatch(/host-data|chips/)
    expect(hardwareOnly(text)).toEqual(['accept-vmpl'])
    const bare = scratch('snp-collateral')
    await writeFile(join(bare, 'vcek.der'), key)
    const without = await firstPolicy(snpMachine(), now, { trust, collateral: { path: bare, name: '.' } })
    expect(hardwareOnly(without)).toEqual(['accept-no-crl'])
    await expect(firstPolicy(machine, now, { trust })).rejects.toMatchObject({ code: 'evidence-invalid' })
  })

  test('without AMD’s roots, or without the key, is refused', async () => {
    expect(first(await ask(snpMachine(), {}, { trust: undefined }))).toMatchObject({ id: 'evidence.reports' })
    const empty = scratch('snp-collateral')
    await mkdir(join(empty, 'nothing'))
    expect(first(await ask(snpMachine(), {}, { collateral: empty }))).toMatchObject({
      id: 'evidence.reports',
      why: expect.stringMatching(/key-certificate.*tee collateral fetch/),
    })
  })
})

describe('TDX', () => {
  const now = new Date('2026-06-15T12:00:00Z')
  /** Each world has a root of its own: those of all that were made. */
  const intelRoots: string[] = []
  const trust = { intelRoots }
  const sha384 = (...parts: Buffer[]) => createHash('sha384').update(Buffer.concat(parts)).digest()
  const header = Buffer.concat([
    Buffer.from(`0000000003000000${'00'.repeat(20)}21000000`, 'hex'),
    Buffer.from('Spec ID Event03\0', 'latin1'),
    Buffer.from('0000000000020002010000000c00300000', 'hex'),
  ])

  interface Change {
    world?: WorldOptions
    body?: (body: Buffer, role: string) => void
    /** Leaves the record of the seal out of both logs, but not out of RTMR3. */
    hide?: boolean
    logless?: boolean
  }

  /** Its collateral travels along, in the form of dcap-qvl. */
  function tdxMachine({ world: more = {}, body, hide = false, logless = false }: Change = {}): ForgedMachine {
    let rtmr3 = Buffer.alloc(48)
    let log = Buffer.alloc(0)
    return {
      technology: 'tdx',
      report: (binding, data) => {
        const records = [
          ...(binding.role === 'open'
            ? [agentStart({ job: jobDigest(binding.job), key: thumbprint(binding.key) })]
            : []),
          journalHead(binding.journal),
        ]
        for (const record of logless ? [] : records) {
          rtmr3 = sha384(rtmr3, recordDigests(record, ['sha384']).get('sha384') ?? Buffer.alloc(0))
          if (!hide || binding.role === 'open') log = Buffer.concat([log, encodeRecord(4, record, ['sha384'])])
        }
        const made = makeWorld({
          ...more,
          body: (bytes) => {
            rtmr3.copy(bytes, 472)
            bytes.fill(0, 520, 584)
            data.copy(bytes, 520)
            body?.(bytes, binding.role)
          },
        })
        intelRoots.push(...(made.roots ?? []))
        const { tcbInfo, tcbInfoChain, qeIdentity, qeIdentityChain, rootCrl, pckCrl } = made.collateral!
        const pem = (chain: readonly Buffer[]) =>
          chain
            .map(
              (der) =>
                `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n').trim()}\n-----END CERTIFICATE-----\n`,
            )
            .join('')
        const bundle = {
          tcb_info: tcbInfo.bytes.toString(),
          tcb_info_signature: tcbInfo.signature.toString('hex'),
          tcb_info_issuer_chain: pem(tcbInfoChain),
          qe_identity: qeIdentity.bytes.toString(),
          qe_identity_signature: qeIdentity.signature.toString('hex'),
          qe_identity_issuer_chain: pem(qeIdentityChain),
          root_ca_crl: rootCrl.toString('hex'),
          pck_crl: pckCrl.toString('hex'),
        }
        return {
          technology: 'tdx',
          evidence: {
            quote: Buffer.from(made.quote).toString('base64'),
            cc_eventlog: logless ? null : Buffer.concat([header, log]).toString('base64'),
          },
          documents: {
            'collateral-intel': Buffer.from(JSON.stringify(bundle)).toString('base64'),
            ...(logless ? {} : { 'runtime-log': log.toString('base64') }),
          },
        }
      },
    }
  }

  const policy = { measurements: [{ values: { 'mr-td': 'aa'.repeat(48) }, ...covered }] }
  const ask = (machine: ForgedMachine, more: object = {}) => judge(machine, { ...policy, ...more }, { at: now, trust })

  test('passes, with RTMR3 replayed and extended from open to seal', async () => {
    const verdict = await ask(tdxMachine())
    expect(first(verdict)).toBeUndefined()
    expect(verdict.exceptions).toEqual(['accept-unproven-time'])
    expect(verdict.machine).toMatchObject({
      status: { 'tcb-status': 'UpToDate', 'sept-ve-disable': true },
      register: { name: 'rtmr3', foreign: [] },
    })
  })

  const outOfDate: WorldOptions = { teeTcbSvn: [5, 1, 3] }
  test.each<[string, Change, Record<string, unknown>, string, string]>([
    ['a record that is missing from the logs', { hide: true }, {}, 'evidence.reports', 'evidence-invalid'],
    ['no logs', { logless: true }, {}, 'machine.register', 'register-mismatch'],
    [
      'no logs, and an RTMR3 that changes',
      { logless: true, body: (body, role) => role === 'seal' && body.fill(1, 472, 520) },
      { 'accept-no-register': true },
      'machine.same',
      'evidence-invalid',
    ],
    [
      'another TD at the seal',
      { body: (body, role) => role === 'seal' && body.fill(0xab, 136, 184) },
      {},
      'machine.same',
      'evidence-invalid',
    ],
    [
      'a TD whose memory the host takes',
      { world: { tdAttributes: 0n } },
      {},
      'hardware.attributes',
      'evidence-invalid',
    ],
    [
      'a TD that may be debugged',
      { world: { tdAttributes: (1n << 28n) | 1n } },
      {},
      'evidence.reports',
      'evidence-invalid',
    ],
    ['another XFAM', {}, { tee: { tdx: { xfam: '00000000000000e7' } } }, 'evidence.reports', 'evidence-invalid'],
    [
      'an evaluation below the least',
      {},
      { tee: { tdx: { 'minimum-evaluation': 999 } } },
      'evidence.reports',
      'evidence-invalid',
    ],
    [
      'another register name than the hardware has',
      {},
      { tee: { chips: ['00'.repeat(16)] } },
      'hardware.chip',
      'machine-refused',
    ],
  ])('%s is refused', async (_what, change, more, id, reason) => {
    expect(first(await ask(tdxMachine(change), more))).toMatchObject({ id, reason })
  })

  test('a platform that is out of date passes only by status and line', async () => {
    const verdict = await ask(tdxMachine({ world: outOfDate }))
    expect(first(verdict)).toMatchObject({
      id: 'evidence.reports',
      reason: 'evidence-invalid',
      why: expect.stringContaining('accept-tcb-status'),
    })
    const status = /OutOfDate\w*|SWHardeningNeeded|\w*ConfigurationNeeded|TDRelaunch\w*/.exec(
      first(verdict)?.why ?? '',
    )?.[0]
    expect(status).toBeDefined()
    const accepted = await ask(tdxMachine({ world: outOfDate }), {
      tee: { tdx: { statuses: ['UpToDate', status] } },
      'accept-tcb-status': true,
    })
    expect(first(accepted)).toBeUndefined()
    expect(accepted.exceptions).toContain('accept-tcb-status')
  })

  test('policy init pins the start of the TD and writes status and line together', async () => {
    const machine = tdxMachine({ world: { ...outOfDate, tdAttributes: 0n } })
    const text = await firstPolicy(machine, now, { trust })
    expect(text).toContain(`mr-td: "${'aa'.repeat(48)}"`)
    expect(text).not.toContain('rtmr3')
    expect(text).toMatch(/tdx: \{ statuses: \[UpToDate, \w+\] \}/)
    expect(hardwareOnly(text).sort()).toEqual(['accept-tcb-status', 'accept-tdx-attributes'])
  })

  test('attributes and a missing register are accepted by their lines alone, and named', async () => {
    const verdict = await ask(tdxMachine({ world: { tdAttributes: 0n }, logless: true }), {
      'accept-tdx-attributes': true,
      'accept-no-register': true,
    })
    expect(first(verdict)).toBeUndefined()
    expect(verdict.exceptions).toEqual(['accept-tdx-attributes', 'accept-no-register', 'accept-unproven-time'])
  })
})
