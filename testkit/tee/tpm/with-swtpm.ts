import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ports } from '../../../src/base/ports.ts'
import { tpmAddress, withTpm as withOpen } from '../../../src/tee/tpm/open.ts'
import type { Tpm } from '../../../src/tee/tpm/tpm.ts'
import { startSwtpm, type SoftwareTpm } from './swtpm.ts'
import { peer } from '../../peers.ts'
import { scratch, testPorts } from '../../ports.ts'

/** A running software TPM of one test, with tpm2-tools and our own commands beside. */
export interface TestTpm extends SoftwareTpm {
  ports: Ports
  /** Runs a tool of tpm2-tools in the TPM's folder. */
  tool(...args: string[]): string
  file(name: string): Buffer
  /** Opens the TPM for some commands of ours. */
  use<T>(use: (tpm: Tpm) => Promise<T>): Promise<T>
  /** A TPM reset: another boot of the same machine. */
  reset(): Promise<void>
}

/** Use inside `withPeers(['swtpm', 'tpm2'], …)`. */
export async function withSwtpm(use: (tpm: TestTpm) => Promise<void>, ports: Ports = testPorts()): Promise<void> {
  const directory = scratch('swtpm')
  let running = await startSwtpm({ directory, program: peer('swtpm') })
  try {
    await use({
      ...running,
      ports,
      tool: (...args) =>
        execFileSync(peer('tpm2'), args, {
          cwd: directory,
          env: { ...process.env, TPM2TOOLS_TCTI: running.tcti },
          stdio: ['ignore', 'pipe', 'pipe'],
        }).toString(),
      file: (name) => readFileSync(join(directory, name)),
      use: (work) => withOpen(tpmAddress(running.device, ports), ports, work),
      reset: async () => {
        await running.stop()
        running = await startSwtpm({ directory, program: peer('swtpm') })
      },
    })
  } finally {
    await running.stop()
  }
}
