import { parseArgs } from 'node:util'
import { hasSwtpm } from '../../testkit/tee/tpm/swtpm.ts'

export interface DemoOptions {
  /** `host[:port]` of a registry to publish to; null for an OCI layout. */
  registry: string | null
  builder: string
  technology: string
  /** Debian base image, where mmdebstrap is installed. */
  debian: boolean
  tampers: boolean
}

export const usage = `Usage: npm run demo -- [options]

Runs examples/confidential-supply-chain.yml on this machine: a real Node service is built bit for bit, described,
encrypted, signed, published and admitted by a second job; then tampered copies are shown to be refused.

  --registry HOST   publish to a registry (plain http on loopback) instead of an OCI layout
  --builder NAME    auto, buildah, docker or embedded (default: auto)
  --technology T    tpm on a software TPM a job (default where swtpm is installed), sample (default elsewhere),
                    or a real TEE of this machine
  --no-debian       an empty base even where mmdebstrap is installed
  --no-tampers      the clean run only
`

export function readOptions(args: readonly string[]): DemoOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      registry: { type: 'string' },
      builder: { type: 'string', default: 'auto' },
      technology: { type: 'string' },
      'no-debian': { type: 'boolean', default: false },
      'no-tampers': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return null
  return {
    registry: values.registry ?? null,
    builder: values.builder,
    technology: values.technology ?? (hasSwtpm() ? 'tpm' : 'sample'),
    debian: !values['no-debian'],
    tampers: !values['no-tampers'],
  }
}
