import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writePem } from '../../src/encoding/pem.ts'
import { parseTdxQuote } from '../../src/tee/verify/tdx/quote.ts'
import { verifySnp } from '../../src/tee/verify/snp/verify-snp.ts'
import { SealwrightError } from '../../src/base/errors.ts'
import { der, octets, sequence } from '../../src/encoding/der-write.ts'
import { makeWorld, sgxExtension, at as worldTime, type WorldOptions } from '../../testkit/tee/tdx/synthetic.ts'
import { failedSteps } from '../fuzz/targets/snp.ts'
import { certificateTable } from './certificate-table.ts'
import { enclaveAuthData, xfam } from './faults/shapes.ts'
import { snpFaults, snpRules, snpWorld, type SnpFault } from './faults/snp.ts'
import { tdxFaults, tdxRules, type TdxFault } from './faults/tdx.ts'
import { qvlForm } from './qvl-form.ts'
import { goCase, qvlCase } from './tdx-cases.ts'
import type { Case } from './types.ts'

/**
 * One fault each, in worlds whose roots the peers are told: this shows which of our checks a peer misses.
 *
 * @param folder where files with roots are written
 */
export function faultCases(folder: string, now: Date): Case[] {
  return [
    ...[...snpRules, ...snpFaults].map((fault, n) => snpCase(fault, join(folder, `amd-${n}.pem`), now)),
    ...[...tdxRules, ...tdxFaults].map((fault) => tdxCase(fault)),
    ...[...tdxRules, ...tdxFaults].flatMap((fault, n) => goTdxCase(fault, join(folder, `intel-${n}.pem`), now)),
  ]
}

/** The report data of every synthetic report. */
const bound = Buffer.alloc(64, 0x42)

function snpCase(fault: SnpFault, path: string, at: Date): Case {
  const { report, key, ask, ark, pem, trust, product } = snpWorld(fault)
  const reportData = fault.reportData ?? bound
  if (path !== '') writeFileSync(path, pem)
  return {
    peer: 'go-sev-guest',
    technology: 'snp',
    group: 'fault',
    what: fault.what,
    check: fault.check,
    ours: () => failedSteps(verifySnp({ report, certificates: [key] }, { reportData, at, trust })),
    theirs: {
      kind: 'snp',
      report,
      table: certificateTable([
        ['vcek', key],
        ['ask', ask],
        ['ark', ark],
      ]),
      product,
      reportData,
      vmpl: 0,
      roots: path,
    },
  }
}

function tdxCase({ check, what, options }: TdxFault): Case {
  const { quote: bytes, collateral, reportData, roots } = makeWorld({ qeAuthData: enclaveAuthData, ...options })
  if (collateral === null) throw new Error('a synthetic world has collateral')
  const quote = Buffer.from(bytes)
  const root = collateral.tcbInfoChain.at(-1)
  if (root === undefined) throw new Error('a synthetic world has a root')
  const form = qvlForm(collateral, pckCrlChain(quote, root))
  const synthetic = { root, fingerprint: roots?.[0] ?? '', reportData: Buffer.from(reportData) }
  return { ...qvlCase('fault', what, quote, quote, form, worldTime, synthetic), check }
}

function pckCrlChain(quote: Buffer, root: Buffer): Buffer[] {
  try {
    return parseTdxQuote(quote).auth.pckChain.slice(1)
  } catch (error) {
    if (error instanceof SealwrightError) return [root]
    throw error
  }
}

/** Faults of the quote and its chain, in version 4, at a time inside its certificates: the peer has only its clock. */
function goTdxCase({ check, what, options }: TdxFault, path: string, now: Date): Case[] {
  const { quote: bytes, collateral, reportData } = makeWorld(asIntelShapes(forVersion4(options)))
  const root = collateral?.tcbInfoChain.at(-1)
  if (root === undefined || !seenWithoutCollateral(check, what)) return []
  writeFileSync(path, writePem('CERTIFICATE', root))
  const fingerprint = createHash('sha256').update(root).digest('hex')
  const quote = Buffer.from(bytes)
  return [
    { ...goCase('fault', what, quote, quote, now, { path, fingerprint, reportData: Buffer.from(reportData) }), check },
  ]
}

/** Offsets of the options are those of version 5, whose body begins six bytes later and is 64 longer. */
function forVersion4(options: WorldOptions): WorldOptions {
  const { quote: change, ...rest } = options
  if (change === undefined) return { ...rest, version: 4 }
  return {
    ...rest,
    version: 4,
    quote: (quote) => {
      const longer = Buffer.concat([
        quote.subarray(0, 48),
        Buffer.alloc(6),
        quote.subarray(48, 632),
        Buffer.alloc(64),
        quote.subarray(632),
      ])
      change(longer)
      Buffer.concat([longer.subarray(0, 48), longer.subarray(54, 638), longer.subarray(702)]).copy(quote)
    },
  }
}

/** The peer counts the extensions of a PCK certificate and knows just the six that Intel writes. */
function asIntelShapes(options: WorldOptions): WorldOptions {
  const { sgxExtension: given, pckComponents, pck } = options
  const sgx = given === undefined ? sgxExtension(pckComponents) : given
  const key = octets(Buffer.alloc(20, 1))
  const extensions = [
    { oid: '2.5.29.35', value: sequence(der(0x80, Buffer.alloc(20, 1))) },
    {
      oid: '2.5.29.31',
      value: sequence(sequence(der(0xa0, der(0xa0, der(0x86, Buffer.from('https://example.test/crl')))))),
    },
    { oid: '2.5.29.14', value: key },
    ...(sgx === null ? [] : [{ oid: '1.2.840.113741.1.13.1', value: sgx }]),
  ]
  const constraints = pck?.ca === undefined ? [{ oid: '2.5.29.19', critical: true, value: sequence() }] : []
  return {
    qeAuthData: enclaveAuthData,
    ...options,
    body: (body) => {
      body.writeBigUInt64LE(xfam, 128)
      options.body?.(body)
    },
    pck: { usage: 0xc0, ...pck, extensions: [...extensions, ...constraints, ...(pck?.extensions ?? [])] },
  }
}

function seenWithoutCollateral(check: string, what: string): boolean {
  if (check === '') return what === 'good world' || what === 'XFAM zero' || what.includes('zero bytes')
  return /^(quote-|trailing|pck-(?!crl)|qe-report|td-|report-data)/.test(check)
}
