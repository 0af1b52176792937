import { z } from 'zod'
import type { TaskAgent } from '../agent/protocol.ts'
import { InputError } from '../base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import { layerOpener } from '../encrypt/decrypt.ts'
import { readPrivateKey, type DecryptionKeys } from '../encrypt/open-key.ts'
import type { Image } from '../image/types.ts'
import type { Attester } from '../kbs/rcar.ts'
import { isGrpc } from '../kbs/uri.ts'
import type { Store } from '../oci/types.ts'
import type { Opener } from '../verify/candidate.ts'
import type { TaskContext } from './context.ts'

/** How a task comes to the keys of an encrypted image. */
export const keyRequestSchema = z.strictObject({
  /** The step serves the secret `decryption-key`. */
  decryptionKey: z.boolean(),
  /** A KBS that gives keys to attested machines; an embedded one is served by the step meanwhile. */
  kbs: z
    .strictObject({
      url: z.string(),
      /** Attestation Service whose token is the passport; null for a session of the KBS. */
      asUrl: z.string().nullable(),
      embedded: z.boolean(),
    })
    .nullable(),
})
export type KeyRequest = z.infer<typeof keyRequestSchema>

export type ImageOpener = (store: Store, image: Image) => Promise<Opener>

/** What opens the layers of encrypted images: a key at hand, a KBS, or nothing. @throws InputError `input-missing`, `no-agent` */
export async function imageOpener(keys: KeyRequest, context: TaskContext): Promise<ImageOpener | undefined> {
  const { ports, caller } = context
  const opener =
    (found: DecryptionKeys): ImageOpener =>
    async (store) =>
      layerOpener(store, found, ports)
  if (keys.decryptionKey) {
    const secret = await caller.secret('decryption-key')
    if (secret !== null) return opener(readKey(secret.toString('utf8')))
    throw new InputError('input-missing', 'the step gave no decryption-key', { subject: 'decryption-key' })
  }
  if (keys.kbs === null) return undefined
  const { parseKbsUri } = await import('../kbs/uri.ts')
  const fetch = await fetcher(keys.kbs, context)
  return opener({ kek: async (uri) => fetch(parseKbsUri(uri)) })
}

/** A PEM or JWK private key, or 32 bytes in base64: the KEK that a `kbs:` recipient stands for. */
function readKey(text: string): DecryptionKeys {
  const bytes = /^[A-Za-z0-9+/]{43}=$/.test(text) ? Buffer.from(text, 'base64') : null
  if (bytes !== null) return { kek: async () => bytes }
  return { privateKeys: [readPrivateKey(text, 'decryption-key')] }
}

/** TRUST §7: this job's own agent gets the key, by passport where an Attestation Service is at hand, else by a session of its own. */
async function fetcher(
  kbs: NonNullable<KeyRequest['kbs']>,
  { agent, ports }: TaskContext,
): Promise<(path: readonly [string, string, string]) => Promise<Buffer>> {
  const { rcarSession } = await import('../kbs/rcar.ts')
  const technology = agent === null ? null : (await agent.status()).technology
  // The REST interface of an Attestation Service takes no TPM (coco.md §1.7).
  if (agent !== null && technology !== null && kbs.asUrl !== null && (technology !== 'tpm' || isGrpc(kbs.asUrl))) {
    const { fetchByPassport } = await import('../kbs/passport.ts')
    const holder = {
      technology,
      openReport: () => agent.openReport(),
      decryptJwe: (jwe: string) => agent.decryptJwe(jwe),
    }
    return fetchByPassport({ holder, asUrl: kbs.asUrl, kbsUrl: kbs.url, ports })
  }
  if (agent !== null) return rcarSession(kbs.url, await agentAttester(agent), ports).resource
  if (!kbs.embedded) {
    throw new InputError('no-agent', 'no agent runs in this job: the KBS gives keys only to an attested one', {
      subject: 'kbs-url',
      remedy: 'Run setup-cvm-runner first, or give `decryption-key`.',
    })
  }
  ports.log.warn('no agent runs in this job: the embedded KBS is asked with sample evidence')
  // It proves nothing, which is enough here: whoever runs this can read the folder of an embedded KBS anyway.
  const { sampleGuest } = await import('../kbs/keyed-attester.ts')
  return rcarSession(kbs.url, sampleGuest(), ports).resource
}

async function agentAttester(agent: TaskAgent): Promise<Attester> {
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
