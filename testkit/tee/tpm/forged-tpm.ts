import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { jobDigest, thumbprint, type Binding } from '../../../src/journal/binding.ts'
import { toBase64 } from '../../../src/encoding/base64.ts'
import { agentStart, encodeRecord, journalHead, recordDigests } from '../../../src/tee/register/index.ts'
import type { RegisterRecord, TeeEvidence } from '../../../src/tee/types.ts'
import { syntheticQuote, type SyntheticFields } from './vectors.ts'
import type { ForgedMachine } from '../../chain.ts'

/** Where a machine's TPM can be made wrong. Everything that is not named stays as an honest agent would have it. */
export interface ForgedTpmOptions {
  keys?: { publicKey: KeyObject; privateKey: KeyObject }
  /** PCRs before the agent, by index. */
  pcrs?: Readonly<Record<number, Buffer>>
  register?: number
  /** Records that are extended and logged before each report, in the place of an honest agent's. */
  records?: (honest: RegisterRecord[], binding: Binding) => RegisterRecord[]
  /** Extensions that nobody logs. */
  secret?: (binding: Binding) => Buffer | null
  /** Changes the log before it travels; null leaves it out. */
  log?: (log: Buffer, binding: Binding) => Buffer | null
  quote?: (binding: Binding) => Partial<SyntheticFields>
  /** Bytes of the binding's hash in the quote: 32 for a plain TPM, 48 for Azure's. */
  bound?: 32 | 48
  /** Other documents beside a report, base64. */
  documents?: (binding: Binding) => Record<string, string>
}

/** SYNTHETIC: one boot of a machine with a TPM whose agent extends a register before each report, without any TPM. */
export function forgedTpm(options: ForgedTpmOptions = {}): ForgedMachine {
  const { register = 14, documents = () => ({}) } = options
  const keys = options.keys ?? generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pcrs = [...Array(24).keys()].map((n) => options.pcrs?.[n] ?? Buffer.alloc(32, n >= 17 && n <= 22 ? 0xff : 0))
  let log = Buffer.alloc(0)
  let clock = 1000n
  const extend = (digest: Buffer): void => {
    const before = pcrs[register] ?? Buffer.alloc(32)
    pcrs[register] = createHash('sha256').update(before).update(digest).digest()
  }
  return {
    technology: 'tpm',
    report: (binding, data): TeeEvidence => {
      const honest = [
        ...(binding.role === 'open' ? [agentStart({ job: jobDigest(binding.job), key: thumbprint(binding.key) })] : []),
        journalHead(binding.journal),
      ]
      for (const record of options.records?.(honest, binding) ?? honest) {
        extend(recordDigests(record, ['sha256']).get('sha256') ?? Buffer.alloc(32))
        log = Buffer.concat([log, encodeRecord(register, record, ['sha256'])])
      }
      const secret = options.secret?.(binding) ?? null
      if (secret !== null) extend(secret)
      clock += 1000n
      const quoted = syntheticQuote(data.subarray(0, options.bound ?? 32), {
        keys,
        pcrs: [...pcrs],
        clock,
        ...options.quote?.(binding),
      })
      const travelling = options.log === undefined ? log : options.log(log, binding)
      return {
        ...quoted,
        documents: { ...documents(binding), ...(travelling === null ? {} : { 'runtime-log': toBase64(travelling) }) },
      }
    },
  }
}
