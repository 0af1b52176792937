import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '../src/oci/open.ts'
import { parseReference } from '../src/oci/reference.ts'
import type { Digest, Store } from '../src/oci/types.ts'
import { parsePolicy } from '../src/verify/policy/load.ts'
import { verifyImage } from '../src/verify/verify-image.ts'
import { forgeChain, makeIssuer, makeKey } from './chain.ts'
import { killedRun } from './killed-run.ts'
import { root } from './peers.ts'
import { policyText } from './policy-text.ts'
import { scratch, testPorts } from './ports.ts'
import { putSmallImage, smallBase, smallFiles } from './small-image.ts'

const ports = testPorts()
const open = (text: string): Store => openStore(parseReference(text, '/'), ports)

export interface KillResult {
  /** Runs that were killed before they ended. */
  killed: number
  /** Of these, runs after which the tag named the new image already. */
  moved: number
  /** What was wrong, one a line. */
  findings: string[]
}

/** A promotion that processes of their own make. */
export interface KilledPromotion {
  /** Starts it; kills it after a time in milliseconds, or lets it end. */
  run(killAfter: number | null, to: string): Promise<{ killed: boolean; ms: number; stderr: string }>
  /** What is wrong with what the target's tag names; null for nothing. @param whole it has to be the new image */
  fault(to: string, whole: boolean): Promise<string | null>
  /** Puts an older image under the target's tag. */
  prepare(to: string): Promise<void>
}

const tag = 'prod'
/** Kills of one promotion before it is finished. */
const killsEach = 3

export async function killedPromotion(): Promise<KilledPromotion> {
  const folder = scratch('promote-kill')
  const from = `oci:${join(folder, 'source')}`
  const issuer = makeIssuer()
  const base = await smallBase(open(from), await putSmallImage(open(from), smallFiles))
  await forgeChain(open(from), base, { issuer, at: new Date() })
  const receiver = makeKey()
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const policy = file('policy.yml', policyText(base, issuer))
  const key = file('receiver.pem', receiver.key.export({ format: 'pem', type: 'pkcs8' }).toString())
  const promotions = [{ keys: [receiver.signer.publicKeyPem], environment: 'production' }]
  const admits = await parsePolicy(policyText(base, issuer, { promotions }), '/policy.yml')
  let old: Digest | null = null
  return {
    async prepare(to) {
      old = (await putSmallImage(open(to), { 'old.txt': 'old' }, tag)).digest
    },
    async run(killAfter, to) {
      const args = ['--from', `${from}:latest`, '--to', `${to}:${tag}`, '--policy', policy, '--signer', 'key', '--key', key, '--environment', 'production', '--state', join(folder, 'state')] // prettier-ignore
      const ended = await killedRun([join(root, 'testkit/cli-entry.ts'), 'promote', ...args], killAfter, folder)
      if (!ended.killed && ended.code !== 0) throw new Error(`promote ended with ${ended.code}: ${ended.stderr}`)
      return ended
    },
    async fault(to, whole) {
      const found = (await open(to).resolve({ tag }))?.digest ?? null
      if (found === old) return whole ? 'the tag names the old image' : null
      if (found !== base.subject.digest) return `the tag names ${found ?? 'nothing'}`
      const { verified, reasons } = await verifyImage(`${to}:${tag}`, admits, {}, ports)
      return verified ? null : `the tag names an image that is refused: ${reasons.join(', ')}`
    },
  }
}

/**
 * Kills promotions at moments spread over their whole run, and looks each time at what the target's tag names: the old image, or the new one with all
 * that vouches for it, the record included. Each target is finished by one more run.
 *
 * @param targetOf a new target for a number
 */
export async function killPromotions(
  count: number,
  targetOf: (number: number) => string,
  tell: (done: number) => void = () => {},
): Promise<KillResult> {
  const promotion = await killedPromotion()
  const result: KillResult = { killed: 0, moved: 0, findings: [] }
  const judge = async (at: string, to: string, whole: boolean): Promise<void> => {
    const fault = await promotion.fault(to, whole)
    if (fault !== null) result.findings.push(`${at}: ${fault}`)
  }
  let targets = 0
  const next = async (): Promise<string> => {
    const to = targetOf(targets++)
    await promotion.prepare(to)
    return to
  }
  const finish = async (to: string): Promise<number> => {
    const { ms } = await promotion.run(null, to)
    await judge('run to its end', to, true)
    return ms
  }
  // The first run fills the compile cache.
  await finish(await next())
  let ms = await finish(await next())
  let to = await next()
  let kills = 0
  for (let number = 0; number < count; number++) {
    // What a process needs to load is not of interest: the last three quarters are.
    const moment = ms * (0.25 + (0.75 * (number + Math.random())) / count)
    const run = await promotion.run(moment, to)
    if (run.killed) result.killed++
    // A busy machine grows idle, and the other way round.
    else ms = Math.min(ms, run.ms)
    await judge(`killed after ${Math.round(moment)} ms`, to, false)
    const moved = (await promotion.fault(to, true)) === null
    if (run.killed && moved) result.moved++
    if (moved || ++kills === killsEach) {
      await finish(to)
      to = await next()
      kills = 0
    }
    tell(number + 1)
  }
  await finish(to)
  return result
}
