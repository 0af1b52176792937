import { createHash, generateKeyPairSync } from 'node:crypto'
import { toBase64 } from '../../src/encoding/base64.ts'
import type { JsonObject } from '../../src/base/json.ts'
import { agentStart, encodeRecord, journalHead } from '../../src/tee/register/index.ts'
import { withPrimary } from '../../src/tee/tpm/keys.ts'
import { everyPcr, extendPcr } from '../../src/tee/tpm/pcr.ts'
import { quote } from '../../src/tee/tpm/quote.ts'
import { attestationTemplate } from '../../src/tee/tpm/templates.ts'
import type { TeeEvidence } from '../../src/tee/types.ts'
import { makeKey } from '../chain.ts'
import type { ReasonCode } from '../../src/base/errors.ts'
import { question, type Tamper } from './kit.ts'
import type { MachineFaults } from './live-tpm.ts'

function tampered(name: string, reason: ReasonCode, faults: MachineFaults, changes?: Record<string, unknown>): Tamper {
  return {
    name,
    reason,
    prepare: async (kit) => {
      const found = await kit.finished()
      await kit.forge(found, {}, faults)
      return question(kit, found, { 'accept-unchecked-content': true, ...changes })
    },
  }
}

const foreign = createHash('sha256').update('something else').digest()
const extend: MachineFaults['beforeQuote'] = (machine) =>
  machine.use((tpm) => extendPcr(tpm, 14, new Map([['sha256', foreign]])))
const stranger = agentStart({ job: `sha256:${'0'.repeat(64)}`, key: makeKey().id })

function withQuote(evidence: TeeEvidence, change: (quote: { pcrs: string[] } & JsonObject) => object): TeeEvidence {
  const taken = evidence.evidence['tpm_quote'] as { pcrs: string[] } & JsonObject
  return { ...evidence, evidence: { ...evidence.evidence, tpm_quote: { ...taken, ...change(taken) } as JsonObject } }
}

/** What can be wrong with a machine that has a TPM. Each is made on a real software TPM. */
export const tpmTampers: Tamper[] = [
  tampered('software TPM without permission', 'technology-refused', {}, { 'accept-software-tpm': undefined }),
  tampered('another boot loader', 'evidence-invalid', { bootLoader: Buffer.from('another boot loader') }),
  tampered('seal quoted by another TPM', 'evidence-invalid', {
    quotedBy: (own, other, binding) => (binding.role === 'seal' ? other() : Promise.resolve(own)),
  }),
  tampered('TPM reset between open and seal', 'evidence-invalid', { resets: true }),
  tampered('PCR value changed beside the quote', 'evidence-invalid', {
    evidence: (evidence) =>
      withQuote(evidence, ({ pcrs }) => ({ pcrs: pcrs.map((value, n) => (n === 11 ? '00'.repeat(32) : value)) })),
  }),
  tampered('quote that leaves the register out', 'evidence-invalid', {
    evidence: async (evidence, { machine, binding, data }) => {
      if (binding.role === 'open') return evidence
      const selection = [{ hash: 'sha256' as const, pcrs: everyPcr.filter((pcr) => pcr !== 14) }]
      const made = await machine.use((tpm) =>
        withPrimary(tpm, 'endorsement', attestationTemplate('ecc'), ({ handle }) =>
          quote(tpm, handle, data.subarray(0, 32), selection),
        ),
      )
      return withQuote(evidence, () => ({ message: toBase64(made.message), signature: toBase64(made.signature) }))
    },
  }),
  tampered('attestation key swapped', 'evidence-invalid', {
    evidence: (evidence) => ({
      ...evidence,
      evidence: {
        ...evidence.evidence,
        ak_public: toBase64(
          generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' }),
        ),
      },
      documents: Object.fromEntries(Object.entries(evidence.documents).filter(([name]) => name !== 'ak-tpmt')),
    }),
  }),
  tampered('boot event log altered', 'evidence-invalid', {
    evidence: (evidence) => {
      const log = Buffer.from(evidence.documents['tcg-event-log'] ?? '', 'base64')
      // In the digest of the first event, behind the specification event of 65 bytes.
      log.writeUInt8(log.readUInt8(80) ^ 1, 80)
      return { ...evidence, documents: { ...evidence.documents, 'tcg-event-log': toBase64(log) } }
    },
  }),
  tampered('register log cut', 'register-mismatch', {
    log: (log, { role, journal }) =>
      role === 'open' ? log : log.subarray(0, -encodeRecord(14, journalHead(journal), ['sha256']).length),
  }),
  tampered('register log taken away', 'register-mismatch', { log: () => null }),
  tampered('foreign extension of the register', 'register-mismatch', { beforeQuote: extend }),
  tampered('second agent on the same TPM, not logged', 'register-mismatch', {
    before: (machine) => machine.use((tpm) => extendPcr(tpm, 14, new Map([['sha256', foreign]]))),
  }),
  tampered('second agent on the same TPM, logged', 'register-mismatch', {
    records: (honest, { role }) => (role === 'open' ? honest : [stranger, ...honest]),
  }),
  tampered('register begun by the agent of another job', 'register-mismatch', {
    records: (honest, { role }) => (role === 'open' ? [stranger, ...honest.slice(1)] : honest),
  }),
  tampered('register without the journal of the seal', 'register-mismatch', {
    records: (honest, { role }) => (role === 'open' ? honest : []),
  }),
]
