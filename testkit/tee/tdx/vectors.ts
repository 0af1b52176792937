import { readFileSync } from 'node:fs'
import { collateralFromFiles, parseBundle, type TdxCollateral } from '../../../src/tee/verify/tdx/collateral.ts'
import { vector } from '../../peers.ts'

/** Bytes of one vector under `tee/`: raw, in hex, or hex in the `quote` member of JSON. */
export function quoteVector(path: string): Buffer {
  const bytes = readFileSync(vector(`tee/${path}`))
  if (path.endsWith('.json')) return Buffer.from((JSON.parse(bytes.toString()) as { quote: string }).quote, 'hex')
  return path.endsWith('.hex') ? Buffer.from(bytes.toString('latin1').trim().replace(/^0x/, ''), 'hex') : bytes
}

/** Files of go-tdx-guest, Intel's answers of June 2023. */
export const goFiles = [
  'go-tdx-guest/testdata/sample_tcbInfo_response',
  'go-tdx-guest/testdata/sample_qeIdentity_response',
  'go-tdx-guest/testdata/rootcrl.der',
  'go-tdx-guest/testdata/pckcrl',
  'go-tdx-guest/issuer-chains/tcb-signing-chain.pem',
] as const

/** By base name, as they lie in a folder. */
export function readGoFiles(): Record<string, Buffer> {
  return Object.fromEntries(
    goFiles.map((path) => [path.replace(/^.*\//, ''), readFileSync(vector(`tee/tdx/${path}`))] as const),
  )
}

/** Collateral by the name that the table of verdicts uses. */
export function collateralVector(name: 'go-2023' | 'dcap-2025' | 'dcap-2026' | null): TdxCollateral | null {
  if (name === null) return null
  if (name === 'go-2023') return collateralFromFiles(readGoFiles())
  const file = name === 'dcap-2025' ? 'tdx_quote_collateral.json' : 'tdx_quote_outdated_collateral.json'
  return parseBundle(readFileSync(vector(`tee/tdx/dcap-qvl/sample/${file}`)))
}
