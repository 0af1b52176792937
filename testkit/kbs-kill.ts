import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { adminToken } from '../src/kbs/admin-token.ts'
import { kbsAdmin, type KbsAdmin } from '../src/kbs/client.ts'
import { sampleGuest } from '../src/kbs/keyed-attester.ts'
import { rcarSession } from '../src/kbs/rcar.ts'
import { resourcePolicy } from '../src/kbs/rego/resource-policy.ts'
import { embeddedAttestationPolicy, sampleLaunchDigest, sampleReferenceValues } from '../src/kbs/rego/sample-policy.ts'
import { writeRego } from '../src/kbs/rego/write.ts'
import { parseKbsUri } from '../src/kbs/uri.ts'
import { startKbs } from '../src/kbs-server/server.ts'
import { killedRun, type KilledRun } from './killed-run.ts'
import { root } from './peers.ts'
import { scratch, testPorts } from './ports.ts'

const ports = testPorts()
const a = 'kbs:///team/secret/a'
const b = 'kbs:///team/secret/b'
const before = 'the earlier secret'
const after: Readonly<Record<string, string>> = { [a]: 'the secret of this plan', [b]: 'another secret of this plan' }

export interface KbsKillResult {
  /** Runs that were killed before they ended. */
  killed: number
  /** How often the guest that is not admitted asked. */
  asked: number
  /** What was wrong, one a line. */
  findings: string[]
}

/** A KBS on which one resource stands under a rule that lets samples in, as another tool may have left it. */
interface Laid {
  readonly url: string
  readonly adminKey: string
  readonly admin: KbsAdmin
  /** What a sample gets; null: nothing. */
  guest(uri: string): Promise<string | null>
  close(): Promise<void>
}

async function lay(): Promise<Laid> {
  const directory = scratch('kbs-kill')
  const kbs = await startKbs({ directory, listen: '127.0.0.1:0', ports })
  const pem = kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }).toString()
  const admin = kbsAdmin(kbs.url, adminToken(pem, ports.clock), ports)
  const admit = [{ technology: 'sample' as const, measurements: [sampleLaunchDigest], initdata: [] }]
  await admin.setResource(parseKbsUri(a), Buffer.from(before), null)
  for (const [id, value] of Object.entries(sampleReferenceValues)) await admin.setReferenceValue(id, value)
  await admin.setAttestationPolicy('default_cpu', writeRego(embeddedAttestationPolicy()))
  await admin.setResourcePolicy(writeRego(resourcePolicy([a, b].map((uri) => ({ uri, admit, job: null })))))
  return {
    url: kbs.url,
    adminKey: join(directory, 'admin-key.pem'),
    admin,
    guest: (uri) =>
      rcarSession(kbs.url, sampleGuest(), ports)
        .resource(parseKbsUri(uri))
        .then(String, () => null),
    close: () => kbs.close(),
  }
}

/** A plan whose two resources only SNP guests get, run by the real program. */
function plan(laid: Laid): (killAfter: number | null) => Promise<KilledRun> {
  const folder = scratch('kbs-kill-job')
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const admit = `admit: [{technology: snp, measurements: [${'aa'.repeat(48)}]}]`
  const entries = [a, b].map(
    (uri, n) => `  - {uri: "${uri}", source: "file:${file(`secret-${n}`, after[uri] ?? '')}", ${admit}}`,
  )
  const text = `version: 1\nreplace-global: first\nresources:\n${entries.join('\n')}\nreference-values: {mr_td: [${'bb'.repeat(48)}]}\n`
  const given = {
    'kbs-url': laid.url,
    'admin-key': laid.adminKey,
    plan: file('plan.yml', text),
    state: join(folder, 'state'),
  }
  const args = Object.entries(given).flatMap(([name, value]) => [`--${name}`, value])
  return (killAfter) => killedRun([join(root, 'dist/cli/index.js'), 'kbs-publish', ...args, '--json'], killAfter)
}

/**
 * Kills `kbs-publish` (SIGKILL) at moments spread over its run, while a guest that the plan does not admit asks for its resources without pause. The guest
 * must never get bytes of the plan; the next run has to reach the planned state, and the one after it has nothing to do.
 *
 * @param tell called after each kill with the number so far
 */
export async function killPublications(count: number, tell: (done: number) => void = () => {}): Promise<KbsKillResult> {
  const result: KbsKillResult = { killed: 0, asked: 0, findings: [] }
  let wholeMs = 1000
  for (let number = 0; number < count; number++) {
    const laid = await lay()
    const finding = (what: string): void => void result.findings.push(`run ${number}: ${what}`)
    const look = async (when: string): Promise<void> => {
      for (const uri of [a, b]) {
        const got = await laid.guest(uri)
        result.asked++
        if (got !== null && got !== before) finding(`${when}, a guest that is not admitted got ${uri}: ${got}`)
      }
    }
    try {
      if ((await laid.guest(a)) !== before)
        finding('the guest does not get what stood there before: this run proves nothing')
      const run = plan(laid)
      // The first run is whole, to know how long one takes; the ones after it are faster, because files lie in memory.
      const running = run(number === 0 ? null : (0.6 * wholeMs * (number - 0.5)) / Math.max(1, count - 1))
      let over = false
      void running.finally(() => (over = true))
      while (!over) await look('during the run')
      const first = await running
      if (number === 0) wholeMs = first.ms
      if (first.killed) result.killed++
      await look('after the kill')
      const second = await run(null)
      if (!/"error"/.test(second.stdout) && /"outputs"/.test(second.stdout)) await look('after the second run')
      else finding(`the run after the kill failed: ${second.stdout}${second.stderr}`)
      if ((await laid.guest(a)) !== null) finding('the earlier rule still gives the resource out')
      if (JSON.stringify(await laid.admin.referenceValue('mr_td')) !== JSON.stringify(['bb'.repeat(48)]))
        finding('the reference value is missing')
      const third = await run(null)
      if (!/"changed":"false"/.test(third.stdout)) finding(`a third run finds something to do: ${third.stdout}`)
    } finally {
      await laid.close()
    }
    tell(number + 1)
  }
  return result
}
