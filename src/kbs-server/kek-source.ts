import type { AgentClient } from '../agent/protocol.ts'
import { VerificationError } from '../base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { kekBytes } from '../encrypt/packet.ts'
import { fetchByPassport } from '../kbs/passport.ts'
import { rcarSession } from '../kbs/rcar.ts'
import { parseKbsUri, type ResourcePath } from '../kbs/uri.ts'
import { openKbs } from './connect.ts'

/** Keys of images from a KBS, for as long as a step needs them. */
export interface KekSource {
  /** The 32-byte KEK of a URI. @throws VerificationError `denied`, `decryption-failed`; TransportError `kbs-error` */
  kek(uri: string): Promise<Buffer>
  close(): Promise<void>
}

/**
 * Reads KEKs for the job that runs this agent: by passport over its binding where an Attestation Service is known (always on an embedded
 * KBS), else by a handshake with the KBS itself. Each key is asked for once; nothing is contacted before the first.
 *
 * @param kbsUrl https URL, http on loopback, or `embedded:DIR`
 */
export function kekSource(
  kbsUrl: string,
  agent: AgentClient,
  ports: Ports,
  trusteeUrl: string | null = null,
): KekSource {
  let opened: ReturnType<typeof openKbs> | null = null
  let read: Promise<(path: ResourcePath) => Promise<Buffer>> | null = null
  const known = new Map<string, Promise<Buffer>>()

  const open = async (): Promise<(path: ResourcePath) => Promise<Buffer>> => {
    const kbs = await (opened ??= openKbs(kbsUrl, ports, trusteeUrl))
    const { technology } = await agent.status()
    if (kbs.asUrl !== null) {
      const holder = {
        technology,
        openReport: () => agent.openReport(),
        decryptJwe: (jwe: string) => agent.decryptJwe(jwe),
      }
      return fetchByPassport({ holder, asUrl: kbs.asUrl, kbsUrl: kbs.url, ports })
    }
    const attester = {
      technology,
      evidence: async (nonce: string) => {
        const { evidence, teePubkey } = await agent.report(nonce)
        // The agent may hand the technology beside the primary evidence.
        const value = evidence as JsonValue
        const primary = isObject(value) && isObject(value['evidence']) ? value['evidence'] : value
        return { evidence: primary, teePubkey: teePubkey as JsonObject }
      },
      decryptJwe: (jwe: string) => agent.decryptJwe(jwe),
    }
    const session = rcarSession(kbs.url, attester, ports)
    return (path) => session.resource(path)
  }
  const fetch = async (uri: string): Promise<Buffer> => {
    const path = parseKbsUri(uri)
    const key = await (await (read ??= open()))(path)
    if (key.length === kekBytes) return key
    throw new VerificationError('decryption-failed', `${uri} holds ${key.length} bytes, a key has ${kekBytes}`, {
      subject: uri,
      remedy: 'Publish the key again as 32 raw bytes.',
    })
  }
  return {
    kek: (uri) => {
      const asked = known.get(uri) ?? fetch(uri)
      known.set(uri, asked)
      return asked
    },
    close: async () => {
      await (await opened?.catch(() => null))?.close()
    },
  }
}
