import { jobDigest, thumbprint, type Binding } from '../../src/journal/binding.ts'
import { makePorts } from '../../src/runner/make-ports.ts'
import { toBase64 } from '../../src/encoding/base64.ts'
import { tpmCollector } from '../../src/tee/collect/tpm.ts'
import { agentStart, journalHead } from '../../src/tee/register/index.ts'
import type { RegisterRecord, RuntimeRegister, TeeEvidence } from '../../src/tee/types.ts'
import { builderId } from '../../src/statement/builder-id.ts'
import { at, changed, type ForgedMachine, type ForgeOptions } from '../chain.ts'
import { bootLog, type DemoMachine } from '../machine.ts'

export interface LiveReport {
  machine: DemoMachine
  binding: Binding
  /** 48 bytes. */
  data: Buffer
}

/** What can be wrong with a machine and its agent. Everything that is not named is as an honest one has it. */
export interface MachineFaults {
  /** Measured in place of the boot loader. */
  bootLoader?: Buffer
  /** Before anything of the agent's. */
  before?: (machine: DemoMachine) => Promise<void>
  records?: (honest: RegisterRecord[], binding: Binding) => RegisterRecord[]
  /** After the agent's records, before the quote. */
  beforeQuote?: (machine: DemoMachine, binding: Binding) => Promise<void>
  /** Which machine quotes; another one's register is extended as the own one was, so that only its TPM differs. */
  quotedBy?: (own: DemoMachine, other: () => Promise<DemoMachine>, binding: Binding) => Promise<DemoMachine>
  /** Resets the TPM between the reports; boot and records are then made again, so that all PCRs are as before. */
  resets?: boolean
  log?: (log: Buffer, binding: Binding) => Buffer | null
  evidence?: (evidence: TeeEvidence, report: LiveReport) => Promise<TeeEvidence> | TeeEvidence
}

/** A real software TPM, with what the agent does on it (src/agent) for bindings that are forged. */
export function liveTpm(
  start: (bootLoader?: Buffer) => Promise<DemoMachine>,
  faults: MachineFaults = {},
): ForgedMachine {
  const ports = makePorts({ env: {}, cwd: '/' })
  const taken: RegisterRecord[] = []
  let machine: DemoMachine | null = null
  let register: RuntimeRegister | null = null
  const repeat = async (records: readonly RegisterRecord[], { device }: DemoMachine): Promise<void> => {
    const other = await tpmCollector({ device }).openRegister?.(ports)
    for (const record of records) await other?.extend(record)
  }
  const opened = async (): Promise<{ own: DemoMachine; held: RuntimeRegister }> => {
    const own = machine ?? (await start(faults.bootLoader))
    if (machine === null) await faults.before?.(own)
    machine = own
    register ??= (await tpmCollector({ device: own.device }).openRegister?.(ports)) ?? null
    if (register === null) throw new Error('the software TPM has no register')
    return { own, held: register }
  }
  return {
    technology: 'tpm',
    report: async (binding, data) => {
      if (binding.role === 'seal' && faults.resets === true && machine !== null) {
        await machine.reset()
        register = null
        const { held } = await opened()
        for (const record of taken) await held.extend(record)
      }
      const { own, held } = await opened()
      const honest = [
        ...(binding.role === 'open' ? [agentStart({ job: jobDigest(binding.job), key: thumbprint(binding.key) })] : []),
        journalHead(binding.journal),
      ]
      for (const record of faults.records?.(honest, binding) ?? honest) {
        await held.extend(record)
        taken.push(record)
      }
      await faults.beforeQuote?.(own, binding)
      const log = faults.log === undefined ? held.log() : faults.log(held.log(), binding)
      const quoting = (await faults.quotedBy?.(own, () => start(), binding)) ?? own
      if (quoting !== own) await repeat(taken, quoting)
      const made = await tpmCollector({ device: quoting.device }).collect(data, ports, log ?? undefined)
      const evidence = { ...made, documents: { ...made.documents, 'tcg-event-log': toBase64(bootLog()) } }
      return faults.evidence?.(evidence, { machine: quoting, binding, data }) ?? evidence
    },
  }
}

/** An agent on a software TPM claims no more than that, whoever described the image that the forging begins with. */
export function claimedByTpm(change: ForgeOptions['payload']): NonNullable<ForgeOptions['payload']> {
  return (kind, payload) => {
    const own =
      kind === 'provenance'
        ? changed(payload, (predicate) => void (at(predicate, 'runDetails', 'builder')['id'] = builderId('tpm')))
        : payload
    return change?.(kind, own) ?? own
  }
}
