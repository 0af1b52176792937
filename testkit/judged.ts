import { join } from 'node:path'
import type { JsonObject } from '../src/base/json.ts'
import { openStore } from '../src/oci/open.ts'
import { parseReference } from '../src/oci/reference.ts'
import type { Store } from '../src/oci/types.ts'
import { parsePolicy } from '../src/verify/policy/load.ts'
import type { Check, Verdict } from '../src/verify/types.ts'
import { verifyImage, type VerifyOptions } from '../src/verify/verify-image.ts'
import { policyText } from './policy-text.ts'
import { changed, forgeChain, makeIssuer, type ChainBase, type ForgeOptions } from './chain.ts'
import { scratch, testPorts } from './ports.ts'
import { encryptedBase, putSmallImage, smallBase, smallFiles } from './small-image.ts'

export const ports = testPorts()
export const issuer = makeIssuer()
export const now = new Date()

export interface Made {
  reference: string
  store: Store
  base: ChainBase
}

export interface MakeOptions extends Partial<ForgeOptions> {
  encrypted?: boolean
  /** Changes what the chain is forged of. */
  base?: (base: ChainBase) => ChainBase
}

/** A small image in a layout of its own with the chain of one job. */
export async function make({ encrypted = false, base: change, ...options }: MakeOptions = {}): Promise<Made> {
  const layout = join(scratch('judged'), 'layout')
  const store = openStore(parseReference(`oci:${layout}`, '/'), ports)
  const plain = await smallBase(store, await putSmallImage(store, smallFiles))
  const whole = encrypted ? await encryptedBase(store, plain, ports) : plain
  const base = change?.(whole) ?? whole
  await forgeChain(store, base, { issuer, at: now, ...options })
  return { reference: `oci:${layout}@${base.subject.digest}`, store, base }
}

/** The verdict under the policy that admits the honest chain, with changes. */
export async function judge(
  { reference, base }: Made,
  changes: Record<string, unknown> = {},
  options: VerifyOptions = {},
): Promise<Verdict> {
  const policy = await parsePolicy(policyText(base, issuer, changes), '/policy.yml')
  return verifyImage(reference, policy, { at: now, ...options }, ports)
}

export function checkOf(verdict: Verdict, id: string): Check {
  const check = verdict.checks.find((item) => item.id === id)
  if (check === undefined) throw new Error(`there is no check ${id}`)
  return check
}

/** A change of the provenance alone. */
export function provenance(change: (predicate: JsonObject) => void): Pick<ForgeOptions, 'payload'> {
  return { payload: (kind, payload) => (kind === 'provenance' ? changed(payload, change) : payload) }
}
