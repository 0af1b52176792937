import { cli } from '../demo/cli.ts'
import { TransportError } from '../../src/base/errors.ts'

/** PCRs of the SHA-256 bank by name, `pcr4` and so on, in lower-case hex. */
export type Registers = Readonly<Record<string, string>>

/** What our command line says that the machine will measure when it boots this image: asked before the boot. */
export async function predictRegisters(uki: string): Promise<Registers> {
  const { outputs } = await must(['tee', 'predict', 'pcr', '--uki', uki, '--secure-boot', 'off'])
  return Object.fromEntries(Object.entries(outputs).filter(([name]) => /^pcr\d+$/.test(name)))
}

/** Steps of our verifier without which nothing was said of the logs: those that travel are checked, those that don't are not. */
const wanted = ['event-log', 'replay PCR 4', 'replay PCR 9', 'ima-log', 'replay IMA', 'register']

/**
 * What the machine's TPM signed, after our verifier has checked signature, PCR digest, both logs and the runtime register.
 *
 * @throws TransportError `tool-failed` where it is refused, or where a log is missing
 */
export async function quotedRegisters(evidence: string): Promise<{ measured: Registers; checks: number }> {
  const { outputs } = await must(['tee', 'verify', '--evidence', evidence, '--accept', 'software-tpm'])
  const { measured, checks } = outputs as unknown as { measured: Registers; checks: { name: string; ok: boolean }[] }
  const missing = wanted.filter((name) => !checks.some((check) => check.name === name && check.ok))
  if (missing.length === 0) return { measured, checks: checks.length }
  throw new TransportError('tool-failed', `the evidence verifies without ${missing.join(', ')}`, { subject: evidence })
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
