import { createHash, sign } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ports } from '../../src/base/ports.ts'
import { artifactOfDigest } from '../../src/bundle/artifact.ts'
import { identityRule } from '../../src/bundle/identity.ts'
import { openKeyless } from '../../src/bundle/keyless/sign.ts'
import { readSigningConfig } from '../../src/bundle/keyless/signing-config.ts'
import { readBundle } from '../../src/bundle/read.ts'
import { verifyBundle } from '../../src/bundle/verify.ts'
import { toBase64 } from '../../src/encoding/base64.ts'
import { parseCertificate } from '../../src/encoding/x509/certificate.ts'
import { certificateEntry, entryBody } from '../../src/log/hashedrekord.ts'
import { sendEntry } from '../../src/log/rekor/send.ts'
import { requestTimestamp } from '../../src/log/timestamp/client.ts'
import { openTimeStamper } from '../../src/log/timestamp/time-stamper.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { Digest } from '../../src/oci/types.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeCertificateBundle } from '../../src/sign/bundle.ts'
import { pae } from '../../src/sign/dsse.ts'
import { parseTrustedRoot } from '../../src/sign/trusted-root.ts'
import { payloadType, predicateTypes } from '../../src/statement/types.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { sigstorePeers, startLocalSigstore, type LocalSigstore } from '../../testkit/local-sigstore/start.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { runPeer } from '../../testkit/run-peer.ts'
import { payloadOf } from '../../testkit/sigstore/bundle.ts'
import { makeLeaf, uriName, type LeafOptions } from '../../testkit/sigstore/instance.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'
import { makeAuthority } from '../../testkit/timestamp/authority.ts'
import { startTimestampServer } from '../../testkit/timestamp/server.ts'

const ports: Ports = testPorts()

interface Faults {
  leaf?: LeafOptions
  logged?: boolean
  /** Address of the time stamp authority; null for none. */
  stampedBy?: URL | null
}

/** A statement signed by the local Sigstore, with one fault: its servers log and stamp what its authority would not have issued. */
async function faulty(
  { sigstore, san, issuer, signingConfigs }: LocalSigstore,
  subject: Digest,
  { leaf: options = {}, logged = true, stampedBy }: Faults,
): Promise<Buffer> {
  const { log, timestamp } = readSigningConfig(readFileSync(signingConfigs['rekor-server']), new Date())
  const at = Date.now()
  const window = { from: new Date(at - 60_000), to: new Date(at + 540_000), sctTime: new Date(at) }
  const leaf = makeLeaf(sigstore, { san: [uriName(san)], issuer: issuer.url, ...window, ...options })
  const payload = payloadOf([{ digest: { sha256: subject.slice(7) } }], predicateTypes.sign)
  const bytes = pae(payloadType, payload)
  const signature = sign('sha256', bytes, leaf.key.privateKey)
  const digest = createHash('sha256').update(bytes).digest()
  const body = entryBody(certificateEntry(digest, signature, parseCertificate(leaf.der, 'leaf', 'signer')))
  const stamps = stampedBy === undefined ? timestamp : stampedBy
  const signatures = [{ sig: toBase64(signature), keyid: '' }]
  return makeCertificateBundle(
    leaf.der,
    { envelope: { payload: toBase64(payload), payloadType, signatures } },
    {
      logEntries: logged && log !== null ? [await sendEntry(log.href, body, ports)] : [],
      stamps: stamps === null ? [] : [(await requestTimestamp(stamps, signature, ports)).response],
    },
  )
}

/** Three judges of a bundle over the small image. */
async function judge(local: LocalSigstore, bundle: Buffer, subject: Digest, wanted: Wanted = {}) {
  const { issuer = local.issuer.url, san = local.san } = wanted
  return {
    ours: ours(local, bundle, subject, issuer, san),
    ...(await others(local, bundle, subject, { issuer, san, ...wanted })),
  }
}

interface Wanted {
  issuer?: string
  san?: string
  claims?: object
}

/** The code of `verify bundle`; null where it verifies. */
function ours(local: LocalSigstore, bundle: Buffer, subject: Digest, issuer: string, san: string): unknown {
  try {
    verifyBundle(readBundle(bundle), artifactOfDigest(subject), {
      signer: { kind: 'identity', rules: [identityRule({ issuer, san, pattern: null }, 'identity')] },
      root: parseTrustedRoot(readFileSync(local.trustedRoot)),
      now: new Date(),
    })
    return null
  } catch (error) {
    return (error as { code: unknown }).code
  }
}

async function others(
  local: LocalSigstore,
  bundle: Buffer,
  subject: Digest,
  { issuer = '', san = '', claims }: Wanted,
) {
  const path = join(local.directory, 'bundle.json')
  writeFileSync(path, bundle)
  const identity = ['--certificate-identity', san, '--certificate-oidc-issuer', issuer]
  const about = ['--type', predicateTypes.sign, '--digest', subject.slice(7), '--digestAlg', 'sha256']
  const args = ['verify-blob-attestation', '--bundle', path, '--trusted-root', local.trustedRoot, ...identity, ...about]
  const cosign = await runPeer('cosign3', args, { cwd: local.directory })

  const layout = join(scratch('faults'), 'layout')
  const store = openStore(parseReference(`oci:${layout}`, '/'), ports)
  await attachBundle(store, await putSmallImage(store, smallFiles), bundle, predicateTypes.sign)
  const policy = {
    version: 1,
    identities: [{ name: 'release', issuer, san, claims }],
    'trusted-root': 'root.json',
    statements: ['sign'],
    'accept-signature-only': true,
    'accept-not-rebuilt': true,
    'accept-unproven-time': true,
  }
  const read = (): Promise<string> => Promise.resolve(readFileSync(local.trustedRoot, 'utf8'))
  const parsed = await parsePolicy(JSON.stringify(policy), '/p/policy.yml', read)
  return { cosign: cosign.code === 0, gate: (await verifyImage(`oci:${layout}`, parsed, {}, ports)).reasons }
}

withPeers(
  [...sigstorePeers, 'cosign3'],
  'each missing piece is refused for its own reason, by verify bundle, the gate and cosign 3',
  async () => {
    const local = await startLocalSigstore()
    const foreign = await startTimestampServer(makeAuthority({ name: 'Another TSA' }))
    try {
      const layout = openStore(parseReference(`oci:${join(scratch('faults'), 'layout')}`, '/'), ports)
      const { digest } = await putSmallImage(layout, smallFiles)
      const make = (faults: Faults): Promise<Buffer> => faulty(local, digest, faults)
      expect(await judge(local, await make({}), digest)).toEqual({ ours: null, cosign: true, gate: [] })

      const ended = { from: new Date(Date.now() - 600_000), to: new Date(Date.now() - 60_000) }
      const cases: Record<string, [Faults, string, Wanted?]> = {
        'no certificate timestamp': [{ leaf: { sct: 'none' } }, 'certificate-invalid'],
        'a certificate timestamp of another log': [{ leaf: { sct: 'other-log' } }, 'certificate-invalid'],
        'no log entry': [{ logged: false }, 'log-invalid'],
        'no time stamp': [{ stampedBy: null }, 'time-unproven'],
        'a time stamp of another chain': [{ stampedBy: new URL(foreign.url) }, 'time-unproven'],
        'a certificate that had ended': [{ leaf: ended }, 'expired'],
        'another name': [{}, 'identity-mismatch', { san: `${local.san}x` }],
        'another issuer': [{}, 'identity-mismatch', { issuer: `${local.issuer.url}/acme` }],
      }
      for (const [name, [faults, code, wanted]] of Object.entries(cases)) {
        const found = await judge(local, await make(faults), digest, wanted)
        expect({ name, ...found }).toEqual({ name, ours: code, cosign: false, gate: [code] })
      }
      const { authority, log, timestamp } = readSigningConfig(
        readFileSync(local.signingConfigs['rekor-server']),
        new Date(),
      )
      const signer = await openKeyless(
        {
          authority,
          log,
          stamper: timestamp === null ? null : openTimeStamper(timestamp, [], ports),
          root: parseTrustedRoot(readFileSync(local.trustedRoot)),
          token: () => local.issuer.mint({ ...local.issuer.claims, repository_id: '666' }, 'sigstore'),
        },
        ports,
      )
      const payload = payloadOf([{ digest: { sha256: digest.slice(7) } }], predicateTypes.sign)
      const { bundle } = await signer.sign({ kind: 'statement', payload }, artifactOfDigest(digest))
      const claimed = async (id: string) =>
        (await judge(local, bundle, digest, { claims: { 'repository-id': id } })).gate
      expect([await claimed('666'), await claimed('4711')]).toEqual([[], ['identity-mismatch']])
    } finally {
      await foreign.close()
      await local.close()
    }
  },
)
