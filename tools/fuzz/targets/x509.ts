import { readFileSync } from 'node:fs'
import { readPem } from '../../../src/encoding/pem.ts'
import { fromBase64 } from '../../../src/encoding/base64.ts'
import { amdCertificates, amdFingerprints } from '../../../src/tee/verify/snp/amd-authorities.ts'
import { intelRoot, pckNames } from '../../../src/tee/verify/tdx/trust.ts'
import { parseCertificate } from '../../../src/encoding/x509/certificate.ts'
import { checkChain } from '../../../src/encoding/x509/chain.ts'
import { checkCrl, checkRevocation, parseCrl } from '../../../src/encoding/x509/crl.ts'
import { vector } from '../../../testkit/peers.ts'
import { makeCertificate, makeCrl, makeKey } from '../../../testkit/tee/pki/pki.ts'
import { parseTdxQuote } from '../../../src/tee/verify/tdx/quote.ts'
import { quoteVector } from '../../../testkit/tee/tdx/vectors.ts'
import type { Target } from '../target.ts'

/** Certificates of AMD's and Intel's and of the synthetic PKI in chains by themselves, each changed in its place. */
export function x509Targets(): Target[] {
  return [...amdTargets(), ...intelTargets(), ...syntheticTargets()]
}

function chainTargets(
  name: string,
  ders: readonly Buffer[],
  roots: readonly string[],
  at: Date,
  labels: readonly string[],
): Target[] {
  return ders.map((bytes, place) => ({
    name: `${labels[place] ?? `certificate ${place}`} ${name}`,
    kind: 'certificate' as const,
    bytes,
    failed: (changed: Buffer) =>
      failed(
        checkChain(
          ders.map((der, i) => parseCertificate(i === place ? changed : der, `certificate ${i}`)),
          { roots: new Set(roots), at },
        ),
      ),
  }))
}

function failed(checks: readonly { name: string; ok: boolean }[]): string[] {
  return checks.filter(({ ok }) => !ok).map(({ name }) => name)
}

function amdTargets(): Target[] {
  const at = new Date('2026-06-01T00:00:00Z')
  const turin = readFileSync(vector('tee/snp/virtee-sev/certs_data/vcek_turin.der'))
  return (['Milan', 'Genoa', 'Turin'] as const).flatMap((line) => {
    const { ark, ask, asvk } = amdCertificates[line]
    const [arkDer, askDer, asvkDer] = [ark, ask, asvk].map((text) => fromBase64(text, line)) as [Buffer, Buffer, Buffer]
    // A root that is pinned by its hash; without a leaf below, `chain-leaf` fails before and after the change.
    const roots = [amdFingerprints[line][0]]
    return [
      ...chainTargets(`of ${line}`, [askDer, arkDer], roots, at, ['ASK', 'ARK']),
      ...chainTargets(`of ${line}`, [asvkDer, arkDer], roots, at, ['ASVK']).slice(0, 1),
      ...(line === 'Turin' ? chainTargets('of Turin', [turin, askDer, arkDer], roots, at, ['VCEK']).slice(0, 1) : []),
    ]
  })
}

function intelTargets(): Target[] {
  const { pckChain } = parseTdxQuote(quoteVector('tdx/dcap-qvl/sample/tdx_quote')).auth
  const labels = pckNames.map(({ source }) => source.replaceAll(/[\\^$()]/g, ''))
  const at = new Date('2025-07-04T10:16:31Z')
  return [
    ...chainTargets('of dcap-qvl', pckChain, [intelRoot], at, labels),
    ...chainTargets('of Intel 2023', signerChain(), [intelRoot], new Date('2023-06-28T08:03:58Z'), [
      'TCB signer',
    ]).slice(0, 1),
    ...goLists(pckChain),
  ]
}

function signerChain(): Buffer[] {
  const text = readFileSync(vector('tee/tdx/go-tdx-guest/issuer-chains/tcb-signing-chain.pem'), 'latin1')
  return readPem(text, 'chain').map(({ bytes }) => bytes)
}

function goLists(pckChain: readonly Buffer[]): Target[] {
  const [leaf, ca, root] = pckChain.map((der, i) => parseCertificate(der, `certificate ${i}`))
  if (leaf === undefined || ca === undefined || root === undefined)
    throw new Error('a PCK chain has three certificates')
  const at = new Date('2023-06-28T08:03:58Z')
  return (
    [
      ['pckcrl', ca, leaf],
      ['rootcrl.der', root, ca],
    ] as const
  ).map(([file, issuer, of]) => ({
    name: `list ${file} of 2023`,
    kind: 'crl' as const,
    bytes: readFileSync(vector(`tee/tdx/go-tdx-guest/testdata/${file}`)),
    failed: (changed: Buffer) => {
      const crl = parseCrl(changed, 'list')
      return failed([...checkCrl(crl, issuer, at), checkRevocation(crl, of)])
    },
  }))
}

function syntheticTargets(): Target[] {
  const at = new Date('2026-06-01T00:00:00Z')
  const [rootKey, caKey, leafKey] = [makeKey('rsa'), makeKey('P-256'), makeKey('P-384')]
  const root = makeCertificate({ subject: 'root', issuer: 'root', key: rootKey, by: rootKey, ca: { pathLength: 1 } })
  const ca = makeCertificate({
    subject: 'ca',
    issuer: 'root',
    key: caKey,
    by: rootKey,
    serial: 7,
    ca: { pathLength: 0 },
  })
  const leaf = makeCertificate({ subject: 'leaf', issuer: 'ca', key: leafKey, by: caKey, serial: 8 })
  const top = parseCertificate(root, 'root')
  return [
    ...chainTargets('synthetic', [leaf, ca, root], [top.fingerprint], at, ['leaf', 'authority', 'root']),
    {
      name: 'list synthetic',
      kind: 'crl',
      bytes: makeCrl({ issuer: 'root', by: rootKey, revoked: [1, 2, 300] }),
      failed: (changed) => {
        const crl = parseCrl(changed, 'list')
        return failed([...checkCrl(crl, top, at), checkRevocation(crl, parseCertificate(ca, 'ca'))])
      },
    },
  ]
}
