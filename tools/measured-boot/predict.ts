import { cli } from '../demo/cli.ts'
import { TransportError } from '../../src/base/errors.ts'

/** PCRs of the SHA-256 bank by name, `pcr4` and so on, in lower-case hex. */
export type Registers = Readonly<Record<string, string>>

/** What our command line says that the machine will measure when it boots this image: asked before the boot. */
export async function predictRegisters(uki: string): Promise<Registers> {
  const { outputs } = await must(['tee', 'predict', 'pcr', '--uki', uki, '--secure-boot', 'off'])
  return Object.fromEntries(Object.entries(outputs).filter(([name]) => /^pcr\d+$/.test(name)))
}

/** What the machine's TPM signed, after our verifier has checked signature, PCR digest and logs. @throws Error where it is refused */
export async function quotedRegisters(evidence: string): Promise<{ measured: Registers; checks: number }> {
  const { outputs } = await must(['tee', 'verify', '--evidence', evidence, '--accept', 'software-tpm'])
  const { measured, checks } = outputs as unknown as { measured: Registers; checks: unknown[] }
  return { measured, checks: checks.length }
}

/** Runs the command line for what must succeed. */
export async function must(args: readonly string[]): Promise<{ outputs: Record<string, string> }> {
  const { exitCode, outputs, error } = await cli(args)
  if (exitCode === 0) return { outputs }
  const why = error === null ? JSON.stringify(outputs).slice(0, 2000) : `${error.code}: ${error.message}`
  throw new TransportError('tool-failed', `sealwright ${args.slice(0, 3).join(' ')} … ended with ${exitCode}: ${why}`)
}

/** Rows of a table: register, whether the quote has the predicted value, both values. */
export function compareRegisters(
  predicted: Registers,
  quoted: Registers,
): { name: string; equal: boolean; row: string }[] {
  return Object.keys(predicted)
    .sort((a, b) => Number(a.slice(3)) - Number(b.slice(3)))
    .map((name) => {
      const [before = '', after = 'missing'] = [predicted[name], quoted[name]]
      const equal = before === after
      return {
        name,
        equal,
        row: `${name.padEnd(6)} ${equal ? 'equal ' : 'DIFFERS'}  ${before.slice(0, 32)}…  ${after.slice(0, 32)}…`,
      }
    })
}
