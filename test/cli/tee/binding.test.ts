import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jcs } from '../../../src/encoding/jcs.ts'
import type { JsonObject } from '../../../src/base/json.ts'
import { startAgent } from '../../../testkit/agent.ts'
import { openReportOf } from '../../../testkit/task-agent.ts'
import { scratch } from '../../../testkit/ports.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { withSwtpm } from '../../../testkit/tee/tpm/with-swtpm.ts'
import { door } from './door.ts'

interface Verdict {
  status: string
  checks: { name: string; ok: boolean }[]
  register: { name: string; records: { operation: string }[] } | null
}

/** `evidence.json` as `setup-cvm-runner` writes it, of a real agent. */
async function evidenceOf(
  options: Parameters<typeof startAgent>[1],
): Promise<{ binding: JsonObject; evidence: JsonObject }> {
  const { client } = await startAgent({}, options)
  try {
    const { binding, evidence } = await openReportOf(client)
    return {
      binding: JSON.parse(binding.toString()) as JsonObject,
      evidence: JSON.parse(evidence.toString()) as JsonObject,
    }
  } finally {
    await client.stop()
  }
}

function file(content: JsonObject): string {
  const path = join(scratch('binding'), 'evidence.json')
  writeFileSync(path, jcs(content))
  return path
}

const verify = (path: string, ...args: string[]) => door<Verdict>('tee verify', '--evidence', path, ...args)

test('evidence of setup-cvm-runner is bound by the binding beside it', async () => {
  const document = await evidenceOf({})
  const whole = file(document)
  expect(await verify(whole)).toMatchObject({ code: 0, outputs: { status: 'verified' } })
  const { text } = await door('tee show', whole)
  expect(text).toContain('SHA-384 of the binding')
  const otherBoot = { ...document.binding, boot: { id: 'another', jobs: 1 } }
  const changed = await verify(file({ ...document, binding: otherBoot }))
  expect(changed).toMatchObject({ code: 1, outputs: { status: 'refused' } })
  expect(changed.outputs.checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['report-data'])
  const foreign = await verify(file({ ...document, binding: { ...document.binding, more: 1 } }))
  expect(foreign).toMatchObject({ code: 1, error: { code: 'binding-mismatch' } })
  const asked = await verify(whole, '--report-data', '00'.repeat(48))
  expect(asked.outputs.checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['report-data', 'binding'])
})

withPeers(['swtpm', 'tpm2'], 'evidence of an agent with a TPM: its register is replayed, too', async () => {
  await withSwtpm(async (tpm) => {
    const document = await evidenceOf({ technology: 'tpm', tee: { tpmDevice: tpm.device } })
    const path = file(document)
    const answer = await verify(path, '--accept', 'software-tpm')
    expect(answer.error).toBeUndefined()
    expect(answer.outputs.checks.filter(({ ok }) => !ok)).toEqual([])
    expect(answer.outputs.register).toMatchObject({ name: 'pcr14' })
    expect(answer.outputs.register?.records.map(({ operation }) => operation)).toContain('agent-start')
    expect(await verify(path)).toMatchObject({ code: 1 })
  })
})
