import { readFileSync } from 'node:fs'
import { jcsText } from '../../../src/encoding/jcs.ts'
import { parseBundle, type TdxCollateral } from '../../../src/tee/verify/tdx/collateral.ts'
import { parseTdxQuote } from '../../../src/tee/verify/tdx/quote.ts'
import { verifyTdx, type TdxInput } from '../../../src/tee/verify/tdx/verify.ts'
import { vector } from '../../../testkit/peers.ts'
import { makeWorld } from '../../../testkit/tee/tdx/synthetic.ts'
import { collateralVector, quoteVector } from '../../../testkit/tee/tdx/vectors.ts'
import type { Target, Unsigned } from '../target.ts'
import { failedSteps } from './snp.ts'

/** Each quote with the collateral that judges it, all lists and signed documents of that, and collateral as one text. */
export function tdxTargets(): Target[] {
  const worlds = [...realWorlds(), ...syntheticWorlds()]
  return worlds
    .flatMap(({ name, ...input }) => [
      quoteTarget(name, input),
      ...(name.includes('2025)') || name.startsWith('synthetic (version 5') ? collateralTargets(name, input) : []),
    ])
    .concat(bundleTargets())
}

type World = TdxInput & { name: string }

function quoteTarget(name: string, input: TdxInput): Target {
  const bytes = Buffer.from(input.quote)
  return {
    name: `quote ${name}`,
    kind: 'quote',
    bytes,
    failed: (quote) => failedSteps(verifyTdx({ ...input, quote })),
    unsigned: padding(bytes),
  }
}

/** Zero bytes behind the quote: fewer or more of them change nothing. A byte that is not zero is refused. */
function padding(bytes: Buffer): Unsigned[] {
  const { trailing } = parseTdxQuote(bytes)
  return trailing.allZero
    ? [{ from: bytes.length - trailing.bytes, to: Infinity, why: 'zero bytes behind the quote, as many as one likes' }]
    : [
        {
          from: bytes.length - trailing.bytes,
          to: Infinity,
          why: 'bytes behind a quote that are not zero: refused by default (trailing-bytes), and no part of the quote',
        },
      ]
}

function realWorlds(): World[] {
  const world = (name: string, file: string, collateral: Parameters<typeof collateralVector>[0], at: string): World => {
    const quote = quoteVector(file)
    const { reportData } = parseTdxQuote(quote).body
    return {
      name,
      quote,
      collateral: collateralVector(collateral),
      reportData: Buffer.from(reportData),
      at: new Date(at),
    }
  }
  return [
    world('dcap-qvl tdx_quote (version 4, 2025)', 'tdx/dcap-qvl/sample/tdx_quote', 'dcap-2025', '2025-07-04T10:16:31Z'),
    world(
      'go-tdx-guest quote_v5_sample (version 5)',
      'tdx/go-tdx-guest/testdata/quote_v5_sample.dat',
      'dcap-2026',
      '2026-03-05T10:50:03Z',
    ),
    world('trustee tdx_quote_4 (debug)', 'trustee/tdx_quote_4.dat', 'go-2023', '2023-06-28T08:03:58Z'),
    world('trustee tdx_quote_5 (no level)', 'trustee/tdx_quote_5.dat', 'dcap-2026', '2026-03-05T10:50:03Z'),
    world(
      'go-tdx-guest SPR_E4 (no level, bytes behind)',
      'tdx/go-tdx-guest/testdata/tdx_prod_quote_SPR_E4.dat',
      'go-2023',
      '2023-06-28T08:03:58Z',
    ),
    world(
      'go-tdx-guest cos-113 (no collateral)',
      'tdx/go-tdx-guest/testdata/ccel/cos-113-tdx-quote.dat',
      null,
      '2025-07-04T10:16:31Z',
    ),
    world('trustee td-quote (Azure, no collateral)', 'trustee/az-tdx-vtpm/td-quote.bin', null, '2025-07-04T10:16:31Z'),
  ]
}

function syntheticWorlds(): World[] {
  return [
    { name: 'synthetic (version 4, 70 zero bytes behind)', ...makeWorld({ version: 4, trailing: Buffer.alloc(70) }) },
    { name: 'synthetic (version 5, TD 1.5)', ...makeWorld() },
  ]
}

function collateralTargets(name: string, input: TdxInput): Target[] {
  const { collateral } = input
  if (collateral === null) return []
  const target = (
    what: string,
    kind: Target['kind'],
    bytes: Buffer,
    put: (bytes: Buffer) => Partial<TdxCollateral>,
  ): Target => ({
    name: `${what} ${name}`,
    kind,
    bytes,
    failed: (changed) => failedSteps(verifyTdx({ ...input, collateral: { ...collateral, ...put(changed) } })),
  })
  const {
    tcbInfo,
    qeIdentity,
    tcbInfoChain: [signer, root],
  } = collateral
  return [
    target('root list', 'crl', collateral.rootCrl, (rootCrl) => ({ rootCrl })),
    target('PCK list', 'crl', collateral.pckCrl, (pckCrl) => ({ pckCrl })),
    target('TCB info', 'collateral', tcbInfo.bytes, (bytes) => ({ tcbInfo: { ...tcbInfo, bytes } })),
    target('TCB info signature', 'collateral', tcbInfo.signature, (signature) => ({
      tcbInfo: { ...tcbInfo, signature },
    })),
    target('QE identity', 'collateral', qeIdentity.bytes, (bytes) => ({ qeIdentity: { ...qeIdentity, bytes } })),
    ...(signer === undefined || root === undefined
      ? []
      : [
          target('TCB signer', 'certificate', signer, (bytes) => ({ tcbInfoChain: [bytes, root] })),
          target('root beside the signer', 'certificate', root, (bytes) => ({ tcbInfoChain: [signer, bytes] })),
        ]),
  ]
}

/** Collateral as dcap-qvl keeps it: hex and JSON have more than one text for the same bytes. */
function bundleTargets(): Target[] {
  const path = 'tee/tdx/dcap-qvl/sample/tdx_quote_collateral.json'
  const bytes = readFileSync(vector(path))
  const quote = quoteVector('tdx/dcap-qvl/sample/tdx_quote')
  const reportData = Buffer.from(parseTdxQuote(quote).body.reportData)
  const at = new Date('2025-07-04T10:16:31Z')
  return [
    {
      name: 'collateral in one file, dcap-qvl',
      kind: 'collateral',
      bytes,
      failed: (changed) => failedSteps(verifyTdx({ quote, reportData, at, collateral: parseBundle(changed) })),
      meaning: (changed) => [meaningOf(parseBundle(changed))],
      fields: Array.from({ length: Math.ceil(bytes.length / 3) }, (_, n) => n * 3),
    },
  ]
}

function meaningOf({ tcbInfo, qeIdentity, tcbInfoChain, qeIdentityChain, rootCrl, pckCrl }: TdxCollateral): string {
  const hex = (bytes: Buffer): string => bytes.toString('hex')
  return jcsText([
    [tcbInfo, qeIdentity].map(({ bytes, signature }) => [hex(bytes), hex(signature)]),
    [tcbInfoChain, qeIdentityChain, [rootCrl, pckCrl]].map((list) => list.map(hex)),
  ])
}
