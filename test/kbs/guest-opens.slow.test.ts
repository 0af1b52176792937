import { createHash, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { flattenedDecrypt, FlattenedEncrypt, type FlattenedJWE } from 'jose'
import { jcs } from '../../src/encoding/jcs.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { kbsAdmin } from '../../src/kbs/client.ts'
import { openResourceJwe } from '../../src/kbs/jwe.ts'
import { rcarSession } from '../../src/kbs/rcar.ts'
import { resourcePolicy } from '../../src/kbs/rego/resource-policy.ts'
import { sampleReferenceValues } from '../../src/kbs/rego/sample-policy.ts'
import { writeRego } from '../../src/kbs/rego/write.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { sealFor, teePubkey } from '../../src/kbs-server/tee-pubkey.ts'
import { judge } from '../../testkit/judge.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

type Kind = 'P-256' | 'P-521' | 'RSA'

/** A guest's key: what it sends, and what it keeps. */
function guestKey(kind: Kind): { teeKey: Record<string, string>; privateKey: KeyObject; pem: string } {
  const { privateKey, publicKey } =
    kind === 'RSA'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: kind })
  const { n, e, x, y } = publicKey.export({ format: 'jwk' })
  const teeKey: Record<string, string> =
    kind === 'RSA'
      ? { kty: 'RSA', alg: 'RSA-OAEP-256', n: String(n), e: String(e) }
      : { kty: 'EC', crv: kind, alg: 'ECDH-ES+A256KW', x: String(x), y: String(y) }
  return { teeKey, privateKey, pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

describe('what the guests read with (kbs-types) opens our answers', () => {
  const path = ['default', 'image-key', 'app'] as const
  const rule = { technology: 'sample' as const, measurements: ['abcde'], initdata: [] }

  withPeers(['sealwright-judge'], 'resources of the embedded KBS, by RCAR with each kind of key', async () => {
    const ports = testPorts()
    const kbs = await startKbs({ directory: scratch('kbs'), listen: '127.0.0.1:0', ports })
    try {
      const key = kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }).toString()
      const admin = kbsAdmin(kbs.url, adminToken(key, ports.clock), ports)
      await admin.setResourcePolicy(
        writeRego(resourcePolicy([{ uri: `kbs:///${path.join('/')}`, admit: [rule], job: null }])),
      )
      for (const [id, value] of Object.entries(sampleReferenceValues)) await admin.setReferenceValue(id, value)
      for (const [kind, size] of [
        ['P-256', 32],
        ['P-521', 0],
        ['RSA', 70_000],
      ] as const) {
        const secret = randomBytes(size)
        await admin.setResource(path, secret, null)
        const { teeKey, privateKey, pem } = guestKey(kind)
        const answers: string[] = []
        const session = rcarSession(
          kbs.url,
          {
            technology: 'sample',
            evidence: (nonce) => {
              const hash = createHash('sha384')
                .update(jcs({ 'additional-evidence': '', nonce, 'tee-pubkey': teeKey }))
                .digest('base64')
              return Promise.resolve({ evidence: { svn: '1', report_data: hash }, teePubkey: teeKey })
            },
            decryptJwe: (jwe) => {
              answers.push(jwe)
              return openResourceJwe(jwe, privateKey)
            },
          },
          ports,
        )
        expect(await session.resource(path)).toEqual(secret)
        expect([
          kind,
          judge(
            'open',
            answers.map((jwe) => ({ pem, jwe })),
          ),
        ]).toEqual([kind, [{ plaintext: secret.toString('base64') }]])
      }
    } finally {
      await kbs.close()
    }
  })

  withPeers(['sealwright-judge'], '600 answers: every coordinate has its full length', () => {
    const questions = (['P-256', 'P-521'] as const).flatMap((kind) => {
      const { teeKey, pem } = guestKey(kind)
      const key = teePubkey(teeKey) ?? {}
      return Array.from({ length: 300 }, (_, at) => ({ pem, jwe: sealFor(key, Buffer.from([at & 0xff])), at }))
    })
    const answers = judge(
      'open',
      questions.map(({ pem, jwe }) => ({ pem, jwe })),
    )
    expect(answers).toEqual(questions.map(({ at }) => ({ plaintext: Buffer.from([at & 0xff]).toString('base64') })))
    return Promise.resolve()
  })

  withPeers(
    ['sealwright-judge'],
    'a header in the order of another library, a changed byte, another key: not opened',
    async () => {
      const { teeKey, privateKey, pem } = guestKey('P-256')
      const good = sealFor(teePubkey(teeKey) ?? {}, Buffer.from('value'))
      const foreign = await new FlattenedEncrypt(Buffer.from('value'))
        .setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM' })
        .encrypt(privateKey.asymmetricKeyType === 'ec' ? { ...teeKey } : {})
      const flipped: FlattenedJWE & { tag: string } = JSON.parse(good)
      flipped.tag = `${flipped.tag.startsWith('A') ? 'B' : 'A'}${flipped.tag.slice(1)}`
      // By the rules of JOSE the foreign one is right.
      expect((await flattenedDecrypt(foreign, privateKey)).plaintext).toEqual(new Uint8Array(Buffer.from('value')))
      const answers = judge('open', [
        { pem, jwe: good },
        { pem, jwe: JSON.stringify(foreign) },
        { pem, jwe: JSON.stringify(flipped) },
        { pem: guestKey('P-256').pem, jwe: good },
        { pem: guestKey('P-521').pem, jwe: good },
        { pem, jwe: '{}' },
      ])
      expect(answers.map((one) => Object.keys(one))).toEqual([
        ['plaintext'],
        ...Array.from({ length: 5 }, () => ['error']),
      ])
      expect(answers[1]).toEqual({ error: 'aes-256-gcm decrypt failed' })
    },
  )
})
