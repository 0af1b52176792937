import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { artifactOf } from '../../src/bundle/artifact.ts'
import { readBundle } from '../../src/bundle/read.ts'
import { verifyBundle } from '../../src/bundle/verify.ts'
import { parseTrustedRoot } from '../../src/sign/trusted-root.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { bundleBytes, signKeyless, stampOf, type BundleParts } from '../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  trustedRootOf,
  uriName,
  workflowSan,
  type LeafOptions,
} from '../../testkit/sigstore/instance.ts'

const sigstore = makeSigstore()
const trustedRoot = trustedRootOf(sigstore)
const artifact = Buffer.from('an artifact')
const folder = mkdtempSync(join(tmpdir(), 'cosign-bundles-'))
const at = new Date(Date.now() - 3600_000)
afterAll(() => rmSync(folder, { recursive: true }))

const file = (name: string, content: string | Buffer): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

function cosignAccepts(bundle: Buffer): boolean {
  const args = [
    'verify-blob',
    '--bundle',
    file('bundle.json', bundle),
    '--trusted-root',
    file('root.json', trustedRoot),
  ]
  const identity = ['--certificate-identity', workflowSan, '--certificate-oidc-issuer', actionsIssuer]
  return spawnSync(peer('cosign3'), [...args, ...identity, file('app.txt', artifact)], { cwd: folder }).status === 0
}

function oursAccepts(bundle: Buffer): boolean {
  try {
    verifyBundle(readBundle(bundle), artifactOf(artifact, 'app.txt'), {
      signer: {
        kind: 'identity',
        rules: [{ name: 'x', issuer: actionsIssuer, san: { exact: workflowSan }, claims: {} }],
      },
      root: parseTrustedRoot(Buffer.from(trustedRoot)),
      now: new Date(),
    })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false
    throw error
  }
}

const window = { from: new Date(at.getTime() - 60_000), to: new Date(at.getTime() + 540_000), sctTime: at }

/** A bundle with one fault, or none. */
function make(leaf: LeafOptions = {}, spoil: (parts: BundleParts) => BundleParts = (parts) => parts): Buffer {
  const parts = signKeyless(sigstore, makeLeaf(sigstore, { ...window, ...leaf }), { artifact, stampAt: at })
  return bundleBytes(spoil(parts))
}

withPeers(['cosign3'], 'cosign 3 judges bundles of a private instance as we do', async () => {
  const cases: Record<string, [Buffer, boolean]> = {
    'as it should be': [make(), true],
    'another identity': [make({ san: [uriName(`${workflowSan}x`)] }), false],
    'another issuer': [make({ issuer: `${actionsIssuer}/acme` }), false],
    'no certificate timestamp': [make({ sct: 'none' }), false],
    'a forged certificate timestamp': [make({ sct: 'other-certificate' }), false],
    'no log entry': [make({}, (parts) => ({ ...parts, entries: [] })), false],
    'the entry of another signature': [
      make({}, (parts) => ({ ...parts, entries: signKeyless(sigstore, makeLeaf(sigstore), { artifact }).entries })),
      false,
    ],
    'no stamp': [make({}, (parts) => ({ ...parts, stamps: [] })), false],
    'a stamp after the certificate': [
      make({}, (parts) => ({
        ...parts,
        stamps: [stampOf(sigstore, parts.signature, new Date(at.getTime() + 600_000))],
      })),
      false,
    ],
    'a stamp of another authority': [
      make({}, (parts) => ({ ...parts, stamps: [stampOf(makeSigstore('other.test'), parts.signature, at)] })),
      false,
    ],
    'a certificate of another authority': [
      bundleBytes(signKeyless(sigstore, makeLeaf(makeSigstore('sigstore.test'), window), { artifact, stampAt: at })),
      false,
    ],
    'a certificate for another purpose': [make({ purposes: ['1.3.6.1.5.5.7.3.8'] }), false],
  }
  const found = Object.entries(cases).map(([name, [bundle]]) => [name, oursAccepts(bundle), cosignAccepts(bundle)])
  expect(found).toEqual(Object.entries(cases).map(([name, [, good]]) => [name, good, good]))
})
