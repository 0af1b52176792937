/**
 * `npm run bench -- junk`: the gate on a good image beside 10,000 referrers of twelve kinds that strangers attached, in a layout. Prints
 * milliseconds a referrer at three sizes (linear, 3 ms at most is the aim) and the peak memory of each run; asserts only the verdicts: verified,
 * and refused for `missing-statement` where the good evidence is gone.
 *
 * Environment: `BENCH_JUNK` (10000).
 */
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '../src/oci/open.ts'
import { parseReference } from '../src/oci/reference.ts'
import type { Store } from '../src/oci/types.ts'
import { parsePolicy } from '../src/verify/policy/load.ts'
import { verifyImage } from '../src/verify/verify-image.ts'
import { forgeChain, makeIssuer, type ChainBase, type ChainIssuer } from '../testkit/chain.ts'
import { scratch, testPorts } from '../testkit/ports.ts'
import { putSmallImage, smallBase, smallClaims, smallFiles } from '../testkit/small-image.ts'
import { stranger, strangersKinds } from '../testkit/strangers.ts'
import { policyText } from '../testkit/policy-text.ts'

const ports = testPorts()

async function child(layout: string, jwks: string): Promise<void> {
  const issuer = { url: 'https://issuer.example', jwks: JSON.parse(jwks) } as ChainIssuer
  const policy = await parsePolicy(policyText({ claims: smallClaims } as unknown as ChainBase, issuer), '/policy.yml')
  const start = performance.now()
  const { reasons } = await verifyImage(`oci:${layout}:latest`, policy, {}, ports)
  const ms = performance.now() - start
  console.log(JSON.stringify({ ms, mib: process.resourceUsage().maxRSS / 1024, reasons }))
}

interface Run {
  ms: number
  mib: number
  reasons: string[]
}

function judge(layout: string, issuer: ChainIssuer): Run {
  const args = [...process.execArgv, import.meta.filename, 'child', layout, JSON.stringify(issuer.jwks)]
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Run
}

async function removeGood(store: Store, layout: string, base: ChainBase): Promise<void> {
  for (const { digest } of await store.referrers(base.subject.digest))
    rmSync(join(layout, 'blobs/sha256', digest.slice(7)))
}

function attach(layout: string, base: ChainBase, count: number): void {
  const kinds = Object.values(strangersKinds)
  const s = stranger(layout, base.subject)
  for (let i = 0; i < count; i++) kinds[i % kinds.length]?.(s, base.subject, i)
  s.save({ first: true })
}

async function main(): Promise<void> {
  const most = Number(process.env['BENCH_JUNK'] ?? 10_000)
  const root = scratch('junk')
  try {
    const issuer = makeIssuer()
    const layout = join(root, 'good')
    const open = (path: string): Store => openStore(parseReference(`oci:${path}`, '/'), ports)
    const store = open(layout)
    const base = await smallBase(store, await putSmallImage(store, smallFiles))
    await forgeChain(store, base, { issuer, at: new Date() })
    const alone = judge(layout, issuer)
    console.log(
      `alone: ${alone.ms.toFixed(0)} ms, ${alone.mib.toFixed(0)} MiB, ${alone.reasons.join(', ') || 'verified'}`,
    )
    for (const count of [most / 4, most / 2, most]) {
      for (const gone of [false, true]) {
        const copy = join(root, `${count}-${gone}`)
        cpSync(layout, copy, { recursive: true })
        if (gone) await removeGood(open(copy), copy, base)
        attach(copy, base, count)
        const { ms, mib, reasons } = judge(copy, issuer)
        const each = ((ms - alone.ms) / count).toFixed(2)
        const what = gone ? 'good evidence gone' : 'good evidence beside'
        console.log(
          `${count} strangers, ${what}: ${each} ms each, ${mib.toFixed(0)} MiB, ${reasons.join(', ') || 'verified'}`,
        )
        if (gone ? reasons[0] !== 'missing-statement' : reasons.length > 0) throw new Error('this is the wrong verdict')
        if (readdirSync(join(copy, 'blobs/sha256')).length < count / 2) throw new Error('the strangers are not there')
        rmSync(copy, { recursive: true })
      }
    }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

if (process.argv[2] === 'child') await child(process.argv[3] ?? '', process.argv[4] ?? '')
else await main()
