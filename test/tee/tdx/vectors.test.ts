import { readFileSync } from 'node:fs'
import { parseBundle } from '../../../src/tee/verify/tdx/collateral.ts'
import { parseTdxQuote } from '../../../src/tee/verify/tdx/quote.ts'
import { verifyTdx } from '../../../src/tee/verify/tdx/verify.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { collateralVector, quoteVector } from '../../../testkit/tee/tdx/vectors.ts'
import { factsJson } from '../../../src/tee/facts/json.ts'

interface Expected {
  file: string
  version: number
  bodyType: number
  trailingBytes: number
  trailingAllZero: boolean
  pck: { fmspc: string; pceid: string; pcesvn: number; comps: number[] }
  expect: Record<string, unknown>
}

const july2025 = '2025-07-04T10:16:31Z'
const march2026 = '2026-03-05T10:50:03Z'
const june2023 = '2023-06-28T08:03:58Z'

/** Quote, collateral, time, status of the TCB, failed steps. */
const verdicts: [string, Parameters<typeof collateralVector>[0], string, string | null, string[]][] = [
  ['tdx/dcap-qvl/sample/tdx_quote', 'dcap-2025', july2025, 'UpToDate', []],
  [
    'tdx/dcap-qvl/sample/tdx_quote',
    'dcap-2025',
    '2026-11-21T00:00:00Z',
    'UpToDate',
    [
      'root-crl-window',
      'pck-crl-window',
      'tcb-info-signer-crl-window',
      'tcb-info-window',
      'qe-identity-signer-crl-window',
      'qe-identity-window',
    ],
  ],
  ['tdx/dcap-qvl/sample/tdx_quote', 'dcap-2026', march2026, null, ['fmspc']],
  ['tdx/go-tdx-guest/testdata/quote_v5_sample.dat', 'dcap-2026', march2026, 'UpToDate', []],
  [
    'tdx/go-tdx-guest/testdata/tdx_prod_quote_SPR_E4.dat',
    'go-2023',
    june2023,
    null,
    ['tcb-level', 'td-sept-ve-disable', 'trailing-bytes'],
  ],
  ['trustee/tdx_quote_4.dat', 'go-2023', june2023, 'UpToDate', ['td-debug']],
  ['trustee/tdx_quote_5.dat', 'dcap-2026', march2026, null, ['tcb-level']],
  ['tdx/dcap-qvl/sample/tdx_quote_outdated', 'dcap-2026', march2026, null, ['tcb-level']],
  ['tdx/dcap-qvl/sample/quote-from-tappd.hex', 'dcap-2025', july2025, null, ['tcb-level']],
  ['tdx/dcap-qvl/sample/tdx-quote.hex', 'dcap-2025', july2025, null, ['tcb-level']],
  ['dstack/verifier-fixtures/tdx-lite-getquote.json', 'dcap-2026', march2026, null, ['pck-validity']],
  ['tdx/go-tdx-guest/testdata/ccel/cos-113-tdx-quote.dat', null, july2025, null, ['collateral']],
  ['trustee/az-tdx-vtpm/td-quote.bin', null, july2025, null, ['collateral', 'td-sept-ve-disable']],
  // A pre-production part: its root is another one.
  ['eventlog/cc-trusted-api/test_data/quote.bin', null, july2025, null, ['pck-root-pinned', 'collateral']],
]

describe('documented verdicts', () => {
  for (const [file, name, at, status, failed] of verdicts) {
    withPeers(
      [`vectors:tee/${file}`, 'vectors:tee/VERDICTS.json'],
      `${file} with ${name ?? 'no collateral'} at ${at}`,
      async () => {
        const quote = quoteVector(file)
        const { reportData } = parseTdxQuote(quote).body
        const verdict = verifyTdx({ quote, collateral: collateralVector(name), reportData, at: new Date(at) })
        expect(verdict.checks.filter(({ ok }) => !ok).map((check) => check.name)).toEqual(failed)
        expect(verdict.status).toBe(failed.length === 0 ? 'verified' : 'refused')
        expect(factsJson(verdict)['tcb-status'] ?? null).toBe(status)
        expectFacts(file, factsJson(verdict))
        await Promise.resolve()
      },
    )
  }
})

/** All values that the table of verdicts gives, each made by another verifier. */
function expectFacts(file: string, facts: Record<string, unknown>): void {
  const { tdx } = JSON.parse(readFileSync(vector('tee/VERDICTS.json'), 'utf8')) as { tdx: Expected[] }
  const known = tdx.find((entry) => entry.file === file)
  if (known === undefined) throw new Error(`${file} is not in the table`)
  const { expect: values, pck } = known
  const little = (text: unknown) => Buffer.from(String(text), 'hex').toReversed()
  expect(facts).toMatchObject({
    version: known.version,
    'body-type': known.bodyType,
    'trailing-bytes': known.trailingBytes,
    'trailing-zero': known.trailingAllZero,
    'tee-tcb-svn': values['teeTcbSvn'],
    'mr-seam': values['mrSeam'],
    'mr-signer-seam': values['mrSignerSeam'],
    'seam-attributes': values['seamAttr'],
    'td-attributes': Buffer.from(little(values['tdAttr'])).toString('hex'),
    xfam: Buffer.from(little(values['xfam'])).toString('hex'),
    debug: values['debug'],
    'mr-td': values['mrTd'],
    'mr-config-id': values['mrConfigId'],
    'mr-owner': values['mrOwner'],
    'mr-owner-config': values['mrOwnerConfig'],
    rtmr: values['rtmr'],
    'report-data': values['reportData'],
  })
  // Facts of a chain that does not hold are not given.
  if (facts['fmspc'] === undefined) return
  expect(facts).toMatchObject({
    fmspc: pck.fmspc,
    'pce-id': pck.pceid,
    'pce-svn': pck.pcesvn,
    'sgx-components': pck.comps,
  })
}

for (const file of ['tdx/dcap-qvl/sample/sgx_quote', 'trustee/occlum_quote.dat']) {
  withPeers([`vectors:tee/${file}`], `${file} is refused as a quote of an enclave`, async () => {
    expect(() => parseTdxQuote(quoteVector(file))).toThrow(
      expect.objectContaining({
        code: 'evidence-invalid',
        message: expect.stringContaining('SGX enclave') as string,
      }) as Error,
    )
    await Promise.resolve()
  })
}

const sgxCollateral = 'tdx/dcap-qvl/sample/sgx_quote_collateral.json'
withPeers([`vectors:tee/${sgxCollateral}`], 'collateral of SGX with the list of the other CA is refused', async () => {
  const quote = quoteVector('tdx/dcap-qvl/sample/tdx_quote')
  const collateral = parseBundle(readFileSync(vector(`tee/${sgxCollateral}`)))
  const { reportData } = parseTdxQuote(quote).body
  const { checks } = verifyTdx({ quote, collateral, reportData, at: new Date(july2025) })
  expect(checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual([
    'pck-crl-issuer',
    'pck-crl-signature',
    'pck-crl-revoked',
    'tcb-info-signature',
    'qe-identity-signature',
  ])
  await Promise.resolve()
})

withPeers(
  ['vectors:tee/tdx/intel-qvl'],
  'Intel’s synthetic quote, whose chain is DER and not PEM, is refused',
  async () => {
    expect(() => parseTdxQuote(quoteVector('tdx/intel-qvl/sampleData/tdx/quote.dat'))).toThrow(
      'is not a list of certificates',
    )
    await Promise.resolve()
  },
)
