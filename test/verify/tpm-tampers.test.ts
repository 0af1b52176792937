import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { bootValues, startMachine, type DemoMachine } from '../../testkit/machine.ts'
import { machinePolicy } from '../../testkit/policy.ts'
import { evidenceTampers } from '../../testkit/tampers/evidence.ts'
import { question, type Kit, type Tamper } from '../../testkit/tampers/kit.ts'
import { claimedByTpm, liveTpm } from '../../testkit/tampers/live-tpm.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { statementTampers } from '../../testkit/tampers/statements.ts'
import { tpmTampers } from '../../testkit/tampers/tpm.ts'
import { forgeChain, makeIssuer, type ChainBase } from '../../testkit/chain.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putSmallImage, smallBase, smallFiles } from '../../testkit/small-image.ts'

/** The gate over forged chains on real *software TPMs*: each machine is a swtpm of its own. */
const ports = testPorts()
const issuer = makeIssuer()
const now = new Date()
let made: Promise<{ layout: string; base: ChainBase }> | null = null

async function original(): Promise<{ layout: string; base: ChainBase }> {
  const layout = join(scratch('verify'), 'layout')
  const store = openStore(parseReference(`oci:${layout}`, '/'), ports)
  return { layout, base: await smallBase(store, await putSmallImage(store, smallFiles)) }
}

async function withKit<T>(use: (kit: Kit) => Promise<T>): Promise<T> {
  const directory = scratch('verify')
  const machines: DemoMachine[] = []
  const start = async (bootLoader?: Buffer): Promise<DemoMachine> => {
    const machine = await startMachine(bootLoader)
    machines.push(machine)
    return machine
  }
  const copy = async (): ReturnType<Kit['finished']> => {
    made ??= original()
    const { layout, base } = await made
    const target = join(scratch('verify'), 'layout')
    await cp(layout, target, { recursive: true })
    return { layout: target, base, store: openStore(parseReference(`oci:${target}`, '/'), ports) }
  }
  const kit: Kit = {
    issuer,
    at: now,
    directory,
    technology: 'tpm',
    finished: copy,
    small: copy,
    forge: ({ store, base }, options = {}, faults = {}) =>
      forgeChain(store, base, {
        issuer,
        at: now,
        ...options,
        machine: liveTpm(start, faults),
        payload: claimedByTpm(options.payload),
      }),
    policy: (base, changes) => policyText(base, issuer, { ...machinePolicy('tpm'), ...changes }),
    file: async (name, text) => {
      const path = join(directory, name)
      await writeFile(path, text)
      return path
    },
  }
  try {
    return await use(kit)
  } finally {
    for (const machine of machines) await machine.end()
  }
}

const judge = (tamper: Pick<Tamper, 'prepare'>): Promise<Verdict> =>
  withKit(async (kit) => {
    const { image, policy } = await tamper.prepare(kit)
    return verifyImage(image, await parsePolicy(policy, '/policy.yml'), { at: now }, ports)
  })

withPeers(['swtpm'], 'nothing changed: accepted, and the software TPM is named', async () => {
  const verdict = await judge({
    prepare: async (kit) => {
      const found = await kit.finished()
      await kit.forge(found)
      return question(kit, found)
    },
  })
  expect(verdict.checks.filter(({ status }) => status === 'failed')).toEqual([])
  expect(verdict.exceptions).toEqual(expect.arrayContaining(['accept-software-tpm', 'accept-unproven-time']))
  expect(verdict.builder.id).toMatch(/tpm-software$/)
  expect(verdict.machine).toMatchObject({ status: { softwareTpm: true }, register: { name: 'pcr14', foreign: [] } })
  expect(Object.keys(bootValues)).toEqual(['pcr4', 'pcr11'])
})

/** Reasons stay the same on another technology. */
const alike = [...statementTampers, ...evidenceTampers].filter(({ name }) =>
  ['wrong key', 'seal of another job', 'report over other data than the binding', 'token expired'].includes(name),
)
for (const tamper of [...tpmTampers, ...alike]) {
  withPeers(['swtpm'], `${tamper.name} is refused for its own reason`, async () => {
    const verdict = await judge(tamper)
    expect({
      first: verdict.reasons[0],
      why: verdict.checks.filter(({ status }) => status === 'failed').map(({ id, why }) => `${id}: ${why}`),
    }).toMatchObject({ first: tamper.reason })
    expect(verdict.verified).toBe(false)
  })
}
