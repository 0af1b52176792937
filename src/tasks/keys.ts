import { createHash, generateKeyPairSync } from 'node:crypto'
import type { AgentClient } from '../agent/protocol.ts'
import { InputError } from '../base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import { jcs } from '../encoding/jcs.ts'
import { layerOpener, readPrivateKey, type DecryptionKeys } from '../encrypt/decrypt.ts'
import type { Image } from '../image/types.ts'
import type { Attester } from '../kbs/rcar.ts'
import type { KbsConnection } from '../kbs-server/connect.ts'
import type { Store } from '../oci/types.ts'
import type { Opener } from '../verify/candidate.ts'
import type { ActionContext } from '../doors/context.ts'

/** What the way to a key is chosen by; the same inputs in every action that reads an encrypted image. */
export interface KeyInputs {
  decryptionKey: string | null
  /** '' for none. */
  kbsUrl: string
  /** Attestation Service whose token is the passport to a KBS that is not embedded; '' for none. */
  trusteeUrl: string
}

export type ImageOpener = (store: Store, image: Image) => Promise<Opener>

/** Runs the gate with what opens the layers: a key at hand, a KBS (served meanwhile where it is embedded), or nothing. */
export async function withKeys<T>(
  inputs: KeyInputs,
  context: ActionContext,
  use: (opener: ImageOpener | undefined) => Promise<T>,
): Promise<T> {
  const { ports } = context
  const opener =
    (keys: DecryptionKeys): ImageOpener =>
    async (store) =>
      layerOpener(store, keys, ports)
  if (inputs.decryptionKey !== null) return use(opener(readKey(inputs.decryptionKey)))
  if (inputs.kbsUrl === '') return use(undefined)
  const { withKbs } = await import('../kbs-server/connect.ts')
  const open = async (kbs: KbsConnection): Promise<T> => {
    const { parseKbsUri } = await import('../kbs/uri.ts')
    const fetch = await fetcher(kbs, context)
    return use(opener({ kek: async (uri) => fetch(parseKbsUri(uri)) }))
  }
  return withKbs(inputs.kbsUrl, ports, open, inputs.trusteeUrl === '' ? null : inputs.trusteeUrl)
}

/** A PEM or JWK private key, or 32 bytes in base64: the KEK that a `kbs:` recipient stands for. */
function readKey(text: string): DecryptionKeys {
  const bytes = /^[A-Za-z0-9+/]{43}=$/.test(text) ? Buffer.from(text, 'base64') : null
  if (bytes !== null) return { kek: async () => bytes }
  return { privateKeys: [readPrivateKey(text, 'decryption-key')] }
}

/** TRUST §7: this job's own agent gets the key, by passport where an Attestation Service is at hand, else by a session of its own. */
async function fetcher(
  kbs: KbsConnection,
  { state, ports }: ActionContext,
): Promise<(path: readonly [string, string, string]) => Promise<Buffer>> {
  const agent = await state.agent()
  const { rcarSession } = await import('../kbs/rcar.ts')
  const technology = agent === null ? null : (await agent.status()).technology
  // The REST door of an Attestation Service takes no TPM (coco.md §1.7).
  if (agent !== null && technology !== null && technology !== 'tpm' && kbs.asUrl !== null) {
    const { fetchByPassport } = await import('../kbs/passport.ts')
    const holder = {
      technology,
      openReport: () => agent.openReport(),
      decryptJwe: (jwe: string) => agent.decryptJwe(jwe),
    }
    return fetchByPassport({ holder, asUrl: kbs.asUrl, kbsUrl: kbs.url, ports })
  }
  if (agent !== null) return rcarSession(kbs.url, await agentAttester(agent), ports).resource
  if (kbs.embedded === null) {
    throw new InputError('no-agent', 'no agent runs in this job: the KBS gives keys only to an attested one', {
      subject: 'kbs-url',
      remedy: 'Run setup-cvm-runner first, or give decryption-key.',
    })
  }
  ports.log.warn('no agent runs in this job: the embedded KBS is asked with sample evidence')
  return rcarSession(kbs.url, await sampleAttester(), ports).resource
}

async function agentAttester(agent: AgentClient): Promise<Attester> {
  const { technology } = await agent.status()
  return {
    technology,
    evidence: async (nonce) => {
      const { evidence, teePubkey } = await agent.report(nonce)
      const value = evidence as JsonValue
      const primary = isObject(value) && isObject(value['evidence']) ? value['evidence'] : value
      return { evidence: primary, teePubkey: teePubkey as JsonObject }
    },
    decryptJwe: (jwe) => agent.decryptJwe(jwe),
  }
}

/** Evidence that proves nothing, for the embedded KBS alone: whoever runs this can read its folder anyway. */
async function sampleAttester(): Promise<Attester> {
  const { openResourceJwe } = await import('../kbs/jwe.ts')
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = publicKey.export({ format: 'jwk' })
  const teePubkey = { kty: 'EC', crv: 'P-256', alg: 'ECDH-ES+A256KW', x: String(x), y: String(y) }
  return {
    technology: 'sample',
    evidence: async (nonce) => {
      const hash = createHash('sha384')
        .update(jcs({ 'additional-evidence': '', nonce, 'tee-pubkey': teePubkey }))
        .digest()
      return { evidence: { svn: '1', report_data: hash.toString('base64') }, teePubkey }
    },
    decryptJwe: (jwe) => openResourceJwe(jwe, privateKey),
  }
}
