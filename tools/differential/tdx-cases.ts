import { readFileSync } from 'node:fs'
import { parseBundle, type TdxCollateral } from '../../src/tee/verify/tdx/collateral.ts'
import { parseTdxQuote, type TdxQuote } from '../../src/tee/verify/tdx/quote.ts'
import { verifyTdx } from '../../src/tee/verify/tdx/verify.ts'
import { SealwrightError } from '../../src/base/errors.ts'
import { vector } from '../../testkit/peers.ts'
import { collateralVector, quoteVector } from '../../testkit/tee/tdx/vectors.ts'
import { flip } from '../../testkit/mutate.ts'
import { fromBase64 } from '../../src/encoding/base64.ts'
import { readEvidence } from '../../src/tee/formats/read.ts'
import { dstackScale } from '../../testkit/tee/held.ts'
import { Random } from '../../testkit/random.ts'
import { failedSteps } from '../fuzz/targets/snp.ts'
import { qvlForm, type QvlForm } from './qvl-form.ts'
import { changeField, quoteFields } from './mutations.ts'
import type { Case } from './types.ts'

type Sets = Parameters<typeof collateralVector>[0]

const files: readonly (readonly [name: string, path: string])[] = [
  ['dcap-qvl tdx_quote', 'tdx/dcap-qvl/sample/tdx_quote'],
  ['dcap-qvl tdx_quote_outdated', 'tdx/dcap-qvl/sample/tdx_quote_outdated'],
  ['dcap-qvl quote-from-tappd', 'tdx/dcap-qvl/sample/quote-from-tappd.hex'],
  ['dcap-qvl tdx-quote', 'tdx/dcap-qvl/sample/tdx-quote.hex'],
  ['go-tdx-guest quote_v5_sample', 'tdx/go-tdx-guest/testdata/quote_v5_sample.dat'],
  ['go-tdx-guest SPR_E4', 'tdx/go-tdx-guest/testdata/tdx_prod_quote_SPR_E4.dat'],
  ['go-tdx-guest cos-113', 'tdx/go-tdx-guest/testdata/ccel/cos-113-tdx-quote.dat'],
  ['dstack tdx-lite-getquote', 'dstack/verifier-fixtures/tdx-lite-getquote.json'],
  ['trustee tdx_quote_4 (debug)', 'trustee/tdx_quote_4.dat'],
  ['trustee tdx_quote_5', 'trustee/tdx_quote_5.dat'],
  ['trustee td-quote (Azure)', 'trustee/az-tdx-vtpm/td-quote.bin'],
  ['cc-trusted-api quote (pre-production)', 'eventlog/cc-trusted-api/test_data/quote.bin'],
  ['dcap-qvl sgx_quote (SGX)', 'tdx/dcap-qvl/sample/sgx_quote'],
  ['trustee occlum_quote (SGX)', 'trustee/occlum_quote.dat'],
  ['Intel QVL quote (its own test PKI)', 'tdx/intel-qvl/sampleData/tdx/quote.dat'],
]
const sets: readonly (readonly [Sets, readonly string[]])[] = [
  ['dcap-2025', ['2025-07-04T10:16:31Z', '2026-11-21T00:00:00Z']],
  ['dcap-2026', ['2026-03-05T10:50:03Z', '2025-07-04T10:16:31Z']],
  ['go-2023', ['2023-06-28T08:03:58Z', '2026-11-21T00:00:00Z']],
]

/** Quotes against go-tdx-guest, which checks them without collateral here. */
export function goTdxCases(mutations: number, seed: number, now: Date): Case[] {
  const random = new Random(seed, 'go-tdx-guest')
  const quotes = files.map(([name, path]) => ({ name, quote: quoteVector(path) }))
  const cases = quotes.flatMap(({ name, quote }) => [
    goCase('vector', name, quote, quote, now),
    goCase('vector', `${name}, out of dstack's attestation`, unwrapped(quote), quote, now),
  ])
  // Only version 4 gets past its reader.
  const fourth = quotes.filter(({ quote }) => readOrNull(quote)?.version === 4)
  for (let n = 0; n < mutations; n++) {
    const { name, quote } = random.pick(fourth)
    const { what, bytes } = changeField(quote, quoteFields(48, 632), random)
    cases.push(goCase('mutation', `${name}, ${what}`, bytes, quote, now))
  }
  return cases
}

/** A quote out of another program's file: our reader of such files must hand on the very bytes. */
function unwrapped(quote: Buffer): Buffer {
  const read = readEvidence(dstackScale(0, quote), 'dstack', 'attestation')
  return read.kind === 'evidence'
    ? fromBase64(read.evidence.documents['tsm-outblob'] ?? '', 'tsm-outblob')
    : Buffer.alloc(0)
}

/** What a run without a network cannot ask that peer: everything that hangs on collateral. */
const withoutCollateral = new Set(['collateral'])

export function goCase(
  group: Case['group'],
  what: string,
  quote: Buffer,
  good: Buffer,
  at: Date,
  synthetic?: { path: string; fingerprint: string; reportData: Buffer },
): Case {
  const reportData = synthetic?.reportData ?? boundOf(good)
  return {
    peer: 'go-tdx-guest',
    technology: 'tdx',
    group,
    what,
    ours: () =>
      failedSteps(
        verifyTdx({
          quote,
          collateral: null,
          reportData,
          at,
          ...(synthetic === undefined ? {} : { roots: [synthetic.fingerprint] }),
        }),
      ).filter((name) => !withoutCollateral.has(name)),
    theirs: { kind: 'tdx', quote, reportData, roots: synthetic?.path ?? null },
  }
}

/** Quotes and collateral against dcap-qvl, each at two times. */
export function qvlCases(mutations: number, seed: number): Case[] {
  const random = new Random(seed, 'dcap-qvl')
  const quotes = files.map(([name, path]) => ({ name, quote: quoteVector(path) }))
  const cases: Case[] = []
  for (const { name, quote } of quotes) {
    for (const [set, times] of sets) {
      for (const at of times) {
        const collateral = collateralVector(set)
        if (collateral === null) continue
        cases.push(
          qvlCase(
            'vector',
            `${name}, ${set} at ${at.slice(0, 10)}`,
            quote,
            quote,
            formOf(collateral, quote),
            new Date(at),
          ),
        )
      }
    }
  }
  const good = [
    {
      name: 'dcap-qvl tdx_quote',
      bundle: 'tdx_quote_collateral.json',
      quote: quotes[0]?.quote,
      at: '2025-07-04T10:16:31Z',
    },
    {
      name: 'go-tdx-guest quote_v5_sample',
      bundle: 'tdx_quote_outdated_collateral.json',
      quote: quotes[4]?.quote,
      at: '2026-03-05T10:50:03Z',
    },
  ].map(({ bundle, ...rest }) => ({
    ...rest,
    form: JSON.parse(readFileSync(vector(`tee/tdx/dcap-qvl/sample/${bundle}`), 'utf8')) as QvlForm,
  }))
  for (let n = 0; n < mutations; n++) {
    const { name, quote, at, form } = random.pick(good)
    if (quote === undefined) continue
    if (random.below(2) === 0) {
      const v5 = quote.readUInt16LE(0) === 5
      const { what, bytes } = changeField(quote, quoteFields(v5 ? 54 : 48, v5 ? 702 : 632), random)
      cases.push(qvlCase('mutation', `${name}, ${what}`, bytes, quote, form, new Date(at)))
    } else {
      const { what, changed } = changeForm(form, random)
      cases.push(qvlCase('mutation', `${name}, ${what}`, quote, quote, changed, new Date(at)))
    }
  }
  return cases
}

/** A bit of one member: of the bytes where it is hex, of the text otherwise. */
function changeForm(form: QvlForm, random: Random): { what: string; changed: QvlForm } {
  const member = random.pick(Object.keys(form) as (keyof QvlForm)[])
  const text = form[member]
  const isHex = /^[0-9a-f]+$/i.test(text)
  const bytes = Buffer.from(text, isHex ? 'hex' : 'latin1')
  if (random.below(8) === 0) return { what: `${member} empty`, changed: { ...form, [member]: '' } }
  const bit = random.below(bytes.length) * 8 + random.below(isHex ? 8 : 7)
  const flipped = flip(bytes, bit)
  return { what: `${member}: bit ${bit}`, changed: { ...form, [member]: flipped.toString(isHex ? 'hex' : 'latin1') } }
}

export function qvlCase(
  group: Case['group'],
  what: string,
  quote: Buffer,
  good: Buffer,
  collateral: QvlForm,
  at: Date,
  synthetic?: { root: Buffer; fingerprint: string; reportData: Buffer },
): Case {
  const reportData = synthetic?.reportData ?? boundOf(good)
  return {
    peer: 'dcap-qvl',
    technology: 'tdx',
    group,
    what,
    ours: () => {
      const read = readForm(collateral)
      // Text that is no collateral is refused before a quote is looked at.
      if (read === null) return ['collateral']
      const roots = synthetic === undefined ? undefined : [synthetic.fingerprint]
      return failedSteps(verifyTdx({ quote, collateral: read, reportData, at, roots }))
    },
    theirs: { kind: 'qvl', quote, collateral, at, root: synthetic?.root ?? null },
  }
}

function readForm(form: QvlForm): TdxCollateral | null {
  try {
    return parseBundle(Buffer.from(JSON.stringify(form)))
  } catch (error) {
    if (error instanceof SealwrightError) return null
    throw error
  }
}

/** The issuer of the PCK list is in the quote's own chain. */
function formOf(collateral: TdxCollateral, quote: Buffer): QvlForm {
  return qvlForm(collateral, readOrNull(quote)?.auth.pckChain.slice(1) ?? [])
}

/** What is asked for: what the good quote says. One that we cannot read is refused before that matters. */
function boundOf(quote: Buffer): Buffer {
  return Buffer.from(readOrNull(quote)?.body.reportData ?? Buffer.alloc(64))
}

function readOrNull(quote: Buffer): TdxQuote | null {
  try {
    return parseTdxQuote(quote)
  } catch (error) {
    if (error instanceof SealwrightError) return null
    throw error
  }
}
