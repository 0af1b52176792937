import { artifactOf } from '../../src/bundle/artifact.ts'
import { identityRule } from '../../src/bundle/identity.ts'
import { readBundle } from '../../src/bundle/read.ts'
import { verifyBundle, type ExpectedSigner } from '../../src/bundle/verify.ts'
import { loadPublicKey } from '../../src/sign/public-key.ts'
import { parseTrustedRoot } from '../../src/sign/trusted-root.ts'
import { bundleBytes, payloadOf, signKeyed, signKeyless } from '../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  trustedRootOf,
  verifiedAt,
  workflowSan,
} from '../../testkit/sigstore/instance.ts'
import { makeKey } from '../../testkit/tee/pki/pki.ts'
import { createHash } from 'node:crypto'

const sigstore = makeSigstore()
const root = parseTrustedRoot(Buffer.from(trustedRootOf(sigstore)))
const leaf = makeLeaf(sigstore)
const key = makeKey('P-256')
const artifact = Buffer.from('an artifact')
const payload = payloadOf([{ digest: { sha256: createHash('sha256').update(artifact).digest('hex') } }])
const signers: Readonly<Record<'key' | 'certificate' | 'chain', ExpectedSigner>> = {
  key: { kind: 'key', key: loadPublicKey(key.publicKey.export({ format: 'pem', type: 'spki' }).toString()) },
  certificate: {
    kind: 'identity',
    rules: [identityRule({ issuer: actionsIssuer, san: workflowSan, pattern: null }, 'x')],
  },
  chain: { kind: 'identity', rules: [identityRule({ issuer: actionsIssuer, san: workflowSan, pattern: null }, 'x')] },
}

const versions = ['0.1', '0.2', '0.3'] as const
const contents = ['statement', 'message'] as const
const materials = ['key', 'certificate', 'chain'] as const
const logs = ['rekor', 'tiles'] as const
// An entry of Rekor v2 has no promise, so that it is in no bundle of version 0.1.
const forms = versions.flatMap((version) =>
  contents.flatMap((content) =>
    materials.flatMap((material) =>
      logs.flatMap((log) => (version === '0.1' && log === 'tiles' ? [] : [{ version, content, material, log }])),
    ),
  ),
)

test.each(forms)(
  'version $version, $content, $material, $log: verifies, also in the URL-safe alphabet, and over nothing else',
  (form) => {
    const request = { ...(form.content === 'statement' ? { payload } : { artifact }), log: form.log }
    const signed = form.material === 'key' ? signKeyed(sigstore, key, request) : signKeyless(sigstore, leaf, request)
    const chain = { x509CertificateChain: { certificates: [{ rawBytes: leaf.der.toString('base64') }] } }
    const parts = { ...signed, version: form.version, material: form.material === 'chain' ? chain : signed.material }
    const verify = (bundle: Buffer, over = artifact) =>
      verifyBundle(readBundle(bundle), artifactOf(over, 'app'), {
        signer: signers[form.material],
        root,
        now: verifiedAt,
      })
    const bundle = bundleBytes(parts)
    expect(verify(bundle)).toMatchObject({ entries: [{}], statement: form.content === 'statement' ? {} : null })
    const other = Buffer.from('another artifact')
    expect(() => verify(bundle, other)).toThrow(expect.objectContaining({ code: 'subject-mismatch' }))

    const safe = JSON.parse(bundle.toString(), (name, value: unknown) =>
      typeof value === 'string' && ['payload', 'sig', 'signature', 'rawBytes', 'digest'].includes(name)
        ? value.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
        : value,
    ) as object
    expect(verify(Buffer.from(JSON.stringify(safe)))).toMatchObject({ entries: [{}] })
  },
)
