import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { door } from '../../src/actions/kbs-publish/main.ts'
import { openState } from '../../src/agent/state.ts'
import type { ActionResult } from '../../src/doors/context.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { kbsAdmin, type KbsAdmin } from '../../src/kbs/client.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { loadSigner } from '../../src/sign/keys.ts'
import { sealReferenceValues } from '../../src/tee/reference/envelope.ts'
import { referenceValuesType, writeReferenceValues, type ReferenceValues } from '../../src/tee/reference/values.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

/** Measurements. */
export const good = 'ab'.repeat(48)
export const other = 'cd'.repeat(48)

export const pair = (): { privateKey: KeyObject; publicKey: KeyObject } =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString()

export const document = (change: Partial<ReferenceValues> = {}): ReferenceValues => ({
  type: referenceValuesType,
  name: 'guest-2026.1',
  technology: 'snp',
  covers: ['firmware', 'kernel'],
  storage: 'sealed',
  level: 'machine-only',
  inputs: {},
  values: [{ shape: { vcpus: 2 }, measured: { measurement: good } }],
  ...change,
})

/** Members of a plan that fill the rest of the policy for SNP. */
export const rest = [
  'snp_bootloader: [4]',
  'snp_microcode: [209]',
  'snp_snp_svn: [20]',
  'snp_tee_svn: [0]',
  'snp_smt_enabled: true',
  'snp_tsme_enabled: false',
  'snp_guest_abi_major: 0',
  'snp_guest_abi_minor: 31',
  'snp_single_socket: false',
  'snp_smt_allowed: true',
]

export type ValuesPlace = Awaited<ReturnType<typeof startValuesPlace>>

/** A KBS that counts as somebody else's, a signer of values (`maker.pub`), and runs of `kbs-publish` against it. */
export async function startValuesPlace() {
  let ahead = 0
  let made = 0
  const base = testPorts()
  const ports = { ...base, clock: { ...base.clock, now: () => new Date(Date.now() + ahead) } }
  const directory = scratch('signed-values')
  const kbs = await startKbs({ directory, listen: '127.0.0.1:0', ports })
  const key = kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }).toString()
  const admin: KbsAdmin = kbsAdmin(kbs.url, adminToken(key, ports.clock), ports)
  const folder = scratch('signed-values-job')
  const maker = pair()
  writeFileSync(join(folder, 'maker.pub'), pem(maker.publicKey))
  const state = openState(join(folder, 'state'), ports)
  const item = (file: string, more = '', key = 'maker.pub'): string =>
    `{file: ${file}, keys: [${join(folder, key)}], technologies: [snp]${more}}`
  return {
    url: kbs.url,
    folder,
    admin,
    ports,
    /** Moves the clock of KBS and job ahead by milliseconds. */
    later: (ms: number): void => {
      ahead += ms
    },
    count: (): number => made++,
    item,
    entry: (file: string, more = '', key?: string): string => `signed-values: [${item(file, more, key)}]`,
    run: (plan: string, mode = 'apply', head = 'resource-policy: leave'): Promise<ActionResult> => {
      writeFileSync(join(folder, 'plan.yml'), `version: 1\n${head}\n${plan}\n`)
      const given: Record<string, string> = {
        'kbs-url': kbs.url,
        'admin-key': join(directory, 'admin-key.pem'),
        plan: join(folder, 'plan.yml'),
        mode,
      }
      const inputs = { given: (name: string) => given[name], defaults: {}, ports, confine: null }
      return door.run(rawInputs({ ...inputs, label: (name) => name }), { ports, state })
    },
    sign: async (name: string, change: Partial<ReferenceValues> = {}, key = maker.privateKey): Promise<string> => {
      const path = join(folder, name)
      const signer = await loadSigner(key.export({ type: 'pkcs8', format: 'pem' }).toString(), null)
      writeFileSync(path, await sealReferenceValues(writeReferenceValues(document(change)), signer, name))
      return path
    },
    close: (): Promise<void> => kbs.close(),
  }
}
