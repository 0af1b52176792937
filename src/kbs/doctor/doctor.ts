import { TransportError } from '../../base/errors.ts'
import { isLoopback } from '../../base/loopback.ts'
import type { Ports } from '../../base/ports.ts'
import type { AdminToken } from '../admin-token.ts'
import { call, failureOf } from '../call.ts'
import { protocolVersion } from '../client.ts'
import { probeAcl } from './admin-acl.ts'
import { fine, notProbed, type Finding } from './finding.ts'
import { probeSample, probeTokens, type NoResource } from './token-probes.ts'

export interface Examination {
  /** Base URL without `/kbs/v0`; http is allowed here, and is a finding. */
  readonly url: string
  /** Credential of a publisher, for the probe of its role. */
  readonly token: AdminToken | null
  readonly ports: Ports
}

/**
 * Says of a running Key Broker Service what is unsafe. Every probe reads: nothing is written, replaced or deleted, and the resource that is asked for
 * has a random name that does not exist.
 *
 * @returns a finding for each probe, in the order of `probeNames`
 * @throws TransportError `unreachable`, `timeout`; `kbs-error` where the address is not that of a KBS
 */
export async function examineKbs({ url, token, ports }: Examination): Promise<Finding[]> {
  const transport = probeTransport(url)
  const protocol = await probeProtocol(url, ports)
  const random = ports.random(16).toString('hex')
  const path: NoResource = ['sealwright-doctor', 'probe', random]
  const [openAdmin, tokens, sample, metrics, acl] = await Promise.all([
    probeOpenAdmin(url, ports),
    probeTokens(url, path, ports),
    probeSample(url, path, ports),
    probeMetrics(url, ports),
    // A credential is not shown to whoever stands on the way.
    probeAcl(url, transport.standing === 'ok' ? token : null, `sealwright-doctor-${random}`, ports),
  ])
  return [transport, protocol, openAdmin, ...tokens, sample, metrics, acl, claimNumbers]
}

/** To try it takes an attestation policy of ours in place of theirs, which is no harmless probe. */
const claimNumbers = notProbed(
  'claim-numbers',
  'Trustee cuts the numbers of an attestation policy to 8 bits: 258 counts as 2, which is affirming',
  'Keep each trust claim between -128 and 127.',
)

function probeTransport(url: string): Finding {
  const { protocol, host } = new URL(url)
  if (protocol === 'https:') return fine('transport', 'https; the certificate was checked')
  if (protocol === 'unix:') return fine('transport', 'a Unix socket of this machine')
  if (isLoopback(host)) return fine('transport', 'http, on this machine')
  return {
    probe: 'transport',
    standing: 'unsafe',
    found: `plain http to ${host}: whoever is on the way reads admin tokens and changes policies`,
    remedy: 'Configure `private_key` and `certificate` in [http_server], and remove `insecure_http`.',
  }
}

async function probeProtocol(url: string, ports: Ports): Promise<Finding> {
  const body = JSON.stringify({ version: '0.0.0', tee: 'sample', 'extra-params': '' })
  const headers = { 'content-type': 'application/json' }
  const answer = await call(ports, `${url}/kbs/v0/auth`, { method: 'POST', headers, body })
  const { name, detail } = failureOf(answer)
  const spoken = /expect =(\d+\.\d+\.\d+)/.exec(detail)?.[1]
  if (spoken === protocolVersion) return fine('protocol', `version ${spoken}`)
  if (spoken !== undefined)
    return {
      probe: 'protocol',
      standing: 'warning',
      found: `the KBS speaks version ${spoken} of its protocol; guests of today speak ${protocolVersion}`,
      remedy: 'Update Trustee together with the guests.',
    }
  if (name !== '')
    return notProbed('protocol', `the KBS did not name its version: ${answer.status} ${name}`, 'Check its release.')
  throw new TransportError('kbs-error', `${url} is not a Key Broker Service: it answered ${answer.status} to auth`, {
    subject: url,
    remedy: 'Give the base URL of the KBS as `--kbs-url`, without /kbs/v0.',
  })
}

async function probeOpenAdmin(url: string, ports: Ports): Promise<Finding> {
  const answer = await call(ports, `${url}/kbs/v0/resource-policy`, { method: 'GET' })
  if (answer.status === 200)
    return {
      probe: 'open-admin',
      standing: 'unsafe',
      found: 'everybody is admin: policies can be replaced and keys written without a credential',
      remedy: 'Set `authorization_mode` in [admin] to AuthenticatedAuthorization; InsecureAllowAll is for trials.',
    }
  const { name, detail } = failureOf(answer)
  if (detail.includes('DenyAll'))
    return fine('open-admin', 'there is no admin at all (DenyAll): nothing can be published')
  if (name.startsWith('AdminAuth')) return fine('open-admin', 'an admin needs a credential')
  return notProbed('open-admin', `the KBS answered ${answer.status} ${name}`.trimEnd())
}

async function probeMetrics(url: string, ports: Ports): Promise<Finding> {
  const answer = await call(ports, `${url}/metrics`, { method: 'GET' })
  const text = answer.body.toString('utf8')
  if (answer.status !== 200 || !/^# (?:HELP|TYPE) /m.test(text)) return fine('metrics', '/metrics is not open')
  return {
    probe: 'metrics',
    standing: 'warning',
    found: '/metrics is open to all, and lists every resource path that anybody asked for',
    remedy: 'Let a proxy in front of the KBS refuse /metrics, other than from your monitoring.',
  }
}
