import type { Ports } from '../base/ports.ts'

/** What the agent's and a worker's process see of our environment: nothing of the workflow, no token. */
const inherited = [
  'PATH',
  'HOME',
  'TMPDIR',
  'LANG',
  'TZ',
  'RUNNER_TRACKING_ID',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SEALWRIGHT_REGISTRIES_CONF',
  // Of the machine, for SEV-SNP (docs/agent.md).
  'SEALWRIGHT_SNP_VMPL',
  'SEALWRIGHT_SNP_SERVICE',
  'SEALWRIGHT_SNP_SERVICE_GUID',
]

export function inheritedBy(env: Ports['env']): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of inherited) {
    const value = env[name]
    if (value !== undefined) found[name] = value
  }
  return found
}
