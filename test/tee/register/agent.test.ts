import { bindingHash, parseBinding } from '../../../src/journal/binding.ts'
import type { EvidenceBundle } from '../../../src/journal/evidence-bundle.ts'
import { parseTeeEvidence } from '../../../src/tee/evidence.ts'
import { agentStart, registerFindings, type AgentStart } from '../../../src/tee/register/index.ts'
import { recordDigests } from '../../../src/tee/register/record.ts'
import { extendPcr } from '../../../src/tee/tpm/pcr.ts'
import type { RegisterVerdict, TeeVerdict } from '../../../src/tee/types.ts'
import { verifiers } from '../../../src/tee/verify/index.ts'
import { buildEvent, buildRecord, plainImage, startAgent } from '../../../testkit/agent.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { withSwtpm } from '../../../testkit/tee/tpm/with-swtpm.ts'
import { contextAt } from '../../../testkit/verify-context.ts'
import { factsJson } from '../../../src/tee/facts/json.ts'

const context = () => ({ ...contextAt(new Date()), rules: { tpm: { acceptSoftwareTpm: true } } })

interface Read {
  verdicts: TeeVerdict[]
  findings: string[]
}

/** What a gate does with each report of a bundle, and the register's rule over all of them. */
function read(bundle: EvidenceBundle, expected: AgentStart): Read {
  const bytes = (digest: string): Buffer => bundle.documents.find((item) => item.digest === digest)!.bytes
  const reports = bundle.index.reports.map(({ binding, evidence }) => {
    const bound = parseBinding(bytes(binding), 'binding')
    const taken = parseTeeEvidence(bytes(evidence), 'evidence')
    return { bound, verdict: verifiers.tpm.verify(taken, bindingHash(bound), context()) }
  })
  const registers = reports.flatMap(({ bound, verdict }) =>
    verdict.register === null ? [] : [{ register: verdict.register, journal: bound.journal }],
  )
  return { verdicts: reports.map(({ verdict }) => verdict), findings: registerFindings(registers, expected) }
}

const failed = ({ checks }: TeeVerdict): string[] => checks.filter(({ ok }) => !ok).map(({ name }) => name)
const operations = (register: RegisterVerdict | null): string[] => register?.records.map((item) => item.operation) ?? []

withPeers(
  ['swtpm', 'tpm2'],
  'an agent on a TPM: each report verifies, and the register grows from open to the last seal',
  () =>
    withSwtpm(async (tpm) => {
      const { client, status } = await startAgent({}, { technology: 'tpm', tee: { tpmDevice: tpm.device } })
      expect(status).toMatchObject({ technology: 'tpm', warnings: [] })
      await client.append(buildEvent())
      await client.statement({ kind: 'sign', subject: plainImage, documents: {} })
      await client.seal()
      const record = buildRecord().toString('base64')
      await client.statement({ kind: 'provenance', subject: plainImage, documents: { 'build-record': record } })
      const bundle = await client.seal()

      const own = { key: status.keyId, job: status.jobDigest }
      const { verdicts, findings } = read(bundle, own)
      expect(verdicts.map((verdict) => [verdict.status, ...failed(verdict)])).toEqual([
        ['verified'],
        ['verified'],
        ['verified'],
      ])
      expect(findings).toEqual([])
      expect(verdicts.map(({ register }) => operations(register))).toEqual([
        ['agent-start', 'journal'],
        ['agent-start', 'journal', 'journal'],
        ['agent-start', 'journal', 'journal', 'journal'],
      ])
      expect(new Set(verdicts.map(({ machine }) => machine)).size).toBe(1)
      expect(factsJson(verdicts[0]!)).toMatchObject({ softwareTpm: true, akPrimaryUnder: 'endorsement' })
      expect(verdicts[0]?.measured['pcr14']).not.toBe(verdicts[1]?.measured['pcr14'])

      // The rule, with another key or job than the agent's.
      expect(read(bundle, { ...own, key: 'A'.repeat(43) }).findings.join()).toContain('agent-start names the key')
      expect(read(bundle, { ...own, job: `sha256:${'0'.repeat(64)}` }).findings.join()).toContain('another job')
      await client.stop()
    }),
)

withPeers(
  ['swtpm', 'tpm2'],
  'a second agent in the same boot warns, and no gate takes its reports; after a reset all is well again',
  () =>
    withSwtpm(async (tpm) => {
      const options = { technology: 'tpm', tee: { tpmDevice: tpm.device } } as const
      const first = await startAgent({}, options)
      await first.client.stop()
      const sealed = async () => {
        const { client, status } = await startAgent({}, options)
        await client.append(buildEvent())
        await client.statement({ kind: 'sign', subject: plainImage, documents: {} })
        const result = read(await client.seal(), { key: status.keyId, job: status.jobDigest })
        await client.stop()
        return { ...result, warnings: status.warnings ?? [] }
      }
      const second = await sealed()
      expect(second.warnings.join()).toContain('pcr14 already holds what the boot log does not explain')
      expect(second.verdicts.map(failed)).toEqual([['register'], ['register']])
      await tpm.reset()
      const fresh = await sealed()
      expect(fresh.warnings).toEqual([])
      expect(fresh.verdicts.map(({ status }) => status)).toEqual(['verified', 'verified'])
      expect(fresh.findings).toEqual([])
    }),
)

withPeers(
  ['swtpm', 'tpm2'],
  'somebody who extends the register after the open report spoils the seal; an own agent-start of theirs too',
  () =>
    withSwtpm(async (tpm) => {
      const { client, status } = await startAgent({}, { technology: 'tpm', tee: { tpmDevice: tpm.device } })
      const record = agentStart({ key: 'B'.repeat(43), job: `sha256:${'b'.repeat(64)}` })
      await tpm.use((open) => extendPcr(open, 14, recordDigests(record, ['sha1', 'sha256', 'sha384', 'sha512'])))
      await client.append(buildEvent())
      await client.statement({ kind: 'sign', subject: plainImage, documents: {} })
      const { verdicts } = read(await client.seal(), { key: status.keyId, job: status.jobDigest })
      expect(verdicts.map(failed)).toEqual([[], ['register']])
      await client.stop()
    }),
)
