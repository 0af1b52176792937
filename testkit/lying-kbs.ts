import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import type { JsonObject } from '../src/base/json.ts'
import { sealFor } from '../src/kbs-server/tee-pubkey.ts'

/** What a KBS of the test knows when it answers. */
export interface Heard {
  readonly path: string
  readonly request: IncomingMessage
  /** Parsed body, `{}` where it is no JSON object. */
  readonly body: JsonObject
  /** Nonce of the last session. */
  readonly nonce: string
  /** Claims of an honest token for this session. */
  readonly claims: JsonObject
  /** The key that the last evidence was over. */
  readonly teePubkey: JsonObject
  /** Answers as an honest KBS would, with other claims or another key if they are given. */
  honest(change?: { claims?: JsonObject; key?: KeyObject; header?: JsonObject; sealedFor?: JsonObject }): Promise<void>
}

/** Answers instead of the honest KBS; false leaves it to that. */
export type Lie = (heard: Heard, response: ServerResponse) => Promise<void> | void | false

export interface LyingKbs {
  readonly url: string
  /** Who signs its tokens. */
  readonly publicKey: KeyObject
  /** Method and path of each request, in order. */
  readonly asked: string[]
  /** Headers of each request. */
  readonly headers: IncomingMessage['headers'][]
  close(): Promise<void>
}

export const lyingResource = 'the resource'

/** A KBS on loopback that is honest but for what a test lets it say otherwise. Tokens are Trustee's in form (coco.md §1.6). */
export async function startLyingKbs(lie: Lie = () => false): Promise<LyingKbs> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const asked: string[] = []
  const headers: IncomingMessage['headers'][] = []
  const held = { nonce: '', teePubkey: {} as JsonObject, count: 0 }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    const body = (text.startsWith('{') ? JSON.parse(text) : {}) as JsonObject
    const path = request.url ?? ''
    asked.push(`${request.method} ${path}`)
    headers.push(request.headers)
    if (path.endsWith('/auth')) held.nonce = Buffer.alloc(32, ++held.count).toString('base64')
    const runtime = body['runtime-data'] as JsonObject | undefined
    if (runtime !== undefined) held.teePubkey = runtime['tee-pubkey'] as JsonObject
    const claims = claimsOf(held.nonce, held.teePubkey)
    const honest: Heard['honest'] = async (change = {}) => {
      if (path.endsWith('/auth')) {
        response.setHeader(
          'set-cookie',
          `kbs-session-id=${'0'.repeat(31)}${held.count % 10}; Expires=Sun, 22 Nov 2037 07:09:50 GMT`,
        )
        response.end(JSON.stringify({ nonce: held.nonce, 'extra-params': '' }))
      } else if (path.endsWith('/attest')) {
        const token = await new SignJWT(change.claims ?? claims)
          .setProtectedHeader({ typ: 'JWT', alg: 'ES256', ...change.header })
          .sign(change.key ?? privateKey)
        response.end(JSON.stringify({ token }))
      } else response.end(sealFor(change.sealedFor ?? held.teePubkey, Buffer.from(lyingResource)))
    }
    const { nonce, teePubkey } = held
    const lied = lie({ path, request, body, nonce, teePubkey, claims, honest }, response)
    await (lied === false ? honest() : lied)
  }
  const server = createServer((request, response) => {
    response.on('error', () => {})
    answer(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    publicKey,
    asked,
    headers,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function claimsOf(nonce: string, teePubkey: JsonObject): JsonObject {
  const now = Math.floor(Date.now() / 1000)
  return {
    eat_profile: 'tag:github.com,2024:confidential-containers/Trustee',
    iss: 'CoCo-Attestation-Service',
    iat: now,
    exp: now + 300,
    submods: {
      cpu0: {
        'ear.status': 'affirming',
        'ear.trustworthiness-vector': { configuration: 2, executables: 3, hardware: 2 },
        'ear.appraisal-policy-id': 'default',
        'ear.veraison.annotated-evidence': {
          sample: { launch_digest: 'abcde', svn: '1' },
          runtime_data_claims: { 'additional-evidence': '', nonce, 'tee-pubkey': teePubkey },
        },
      },
    },
  }
}
