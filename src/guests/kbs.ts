import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson } from '../base/json.ts'
import { isLoopback } from '../base/loopback.ts'
import type { Ports } from '../base/ports.ts'
import { call, failureOf, type Answer } from '../kbs/call.ts'
import { protocolVersion } from '../kbs/client.ts'
import type { KbsFacts } from './types.ts'

/**
 * Asks a Key Broker Service what can be asked without evidence: whether it speaks the protocol of guests, and whether it hands keys to anybody.
 *
 * @param uris `kbs:///repository/type/tag` of the image's keys
 * @throws TransportError `unreachable`
 */
export async function askKbs(url: string, uris: readonly string[], ports: Ports): Promise<KbsFacts> {
  const base = url.replace(/\/+$/, '')
  const facts = { url: base, loopback: isLoopback(new URL(base).host) }
  const begun = await call(ports, `${base}/kbs/v0/auth`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ version: protocolVersion, tee: 'sample', 'extra-params': {} }),
  })
  if (!isChallenge(begun)) {
    const { detail } = failureOf(begun)
    const said = detail === '' ? '' : `: ${detail.slice(0, 200)}`
    return {
      ...facts,
      fault: `no challenge of protocol ${protocolVersion} comes back (status ${begun.status}${said})`,
      open: [],
    }
  }
  const open: string[] = []
  for (const uri of uris) {
    const path = /^kbs:\/\/[^/]*(\/.+)$/.exec(uri)?.[1]
    if (path !== undefined && (await call(ports, `${base}/kbs/v0/resource${path}`, {})).status === 200) open.push(uri)
  }
  return { ...facts, fault: null, open }
}

function isChallenge({ status, body }: Answer): boolean {
  if (status !== 200) return false
  try {
    const value = parseJson(body.toString('utf8'), 'the challenge')
    return isObject(value) && typeof value['nonce'] === 'string'
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return false
  }
}
