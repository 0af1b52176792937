import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makePorts } from '../src/runner/make-ports.ts'
import { digestOf, type BankHash } from '../src/tee/eventlog/hashes.ts'
import { encodeEvent, specificationEvent } from '../src/tee/eventlog/write.ts'
import { pcrBanks } from '../src/tee/tpm/capability.ts'
import { tpmAddress, withTpm } from '../src/tee/tpm/open.ts'
import { extendPcr } from '../src/tee/tpm/pcr.ts'
import type { Tpm } from '../src/tee/tpm/tpm.ts'
import { startSwtpm, type SoftwareTpm } from './tee/tpm/swtpm.ts'

/**
 * One machine of the demo: a *software TPM* of its own, whose PCRs hold what the firmware of a runner image would have measured into them.
 * It shows how the chain works, not that a machine can be trusted: whoever has this process has the TPM.
 */
export interface DemoMachine {
  /** For `tpm-device`. */
  readonly device: string
  use<T>(use: (tpm: Tpm) => Promise<T>): Promise<T>
  /** A reset of the TPM and the same boot again. */
  reset(): Promise<void>
  end(): Promise<void>
}

/** What the demo's firmware measures: the boot loader into PCR 4, the image into PCR 11. */
const boot = [
  { pcr: 4, type: 0x80000003, data: Buffer.from('boot loader of the demo') },
  { pcr: 11, type: 0x0d, data: Buffer.from('runner image of the demo') },
] as const

/** Values that these measurements lead to, for the policy. */
export const bootValues: Readonly<Record<string, string>> = Object.fromEntries(
  boot.map(({ pcr, data }) => {
    const value = createHash('sha256').update(Buffer.alloc(32)).update(digestOf('sha256', data)).digest('hex')
    return [`pcr${pcr}`, value]
  }),
)

/** @param data what is measured in place of the boot loader: another machine */
export async function startMachine(data?: Buffer): Promise<DemoMachine> {
  const directory = mkdtempSync(join(tmpdir(), 'demo-tpm-'))
  leaveNothing(directory)
  const ports = makePorts({ env: {}, cwd: directory, temp: directory })
  const remove = (): void => {
    folders.delete(directory)
    rmSync(directory, { recursive: true, force: true })
  }
  let running: SoftwareTpm = await startSwtpm({ directory }).catch((error: unknown) => {
    remove()
    throw error
  })
  const use: DemoMachine['use'] = (work) => withTpm(tpmAddress(running.device, ports), ports, work)
  const measure = (): Promise<void> =>
    use(async (tpm) => {
      const banks = (await pcrBanks(tpm)).filter(({ pcrs }) => pcrs.length > 0).map(({ hash }) => hash)
      for (const event of boot)
        await extendAll(tpm, event.pcr, event.pcr === 4 ? (data ?? event.data) : event.data, banks)
    })
  try {
    await measure()
  } catch (error) {
    await running.stop()
    remove()
    throw error
  }
  return {
    device: running.device,
    use,
    reset: async () => {
      await running.stop()
      running = await startSwtpm({ directory })
      await measure()
    },
    end: async () => {
      await running.stop()
      remove()
    },
  }
}

/** Folders of machines that run. A process that ends early removes them. */
const folders = new Set<string>()

function leaveNothing(directory: string): void {
  if (folders.size === 0 && !process.listeners('exit').includes(removeFolders)) process.once('exit', removeFolders)
  folders.add(directory)
}

function removeFolders(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}

function extendAll(tpm: Tpm, pcr: number, data: Buffer, banks: readonly BankHash[]): Promise<void> {
  return extendPcr(tpm, pcr, new Map(banks.map((hash) => [hash, digestOf(hash, data)])))
}

/** The log that such a firmware would leave (TCG PC Client profile §10.2), SHA-256 only. */
export function bootLog(): Buffer {
  const events = boot.map(({ pcr, type, data }) =>
    encodeEvent(pcr, type, new Map([['sha256', digestOf('sha256', data)]]), data),
  )
  return Buffer.concat([specificationEvent(['sha256']), ...events])
}
