import type { SignedText } from '../verify/tdx/signed-json.ts'
import type { TdxCollateral } from '../verify/tdx/collateral.ts'
import type { Certificate } from '../../encoding/x509/certificate.ts'

/** One of Intel's documents with what is needed to put it beside others. Its signature is not checked here. */
export interface IntelText {
  text: SignedText
  issued: Date
  ends: Date
}

export interface ListPiece {
  der: Buffer
  /** Common name of who issued it. */
  issuer: string
  issued: Date
  ends: Date
}

/** What one file of a collateral folder holds, by its content: names of files mean nothing here. */
export type Piece =
  | { kind: 'amd-key'; certificate: Certificate }
  | { kind: 'amd-list'; list: ListPiece }
  | { kind: 'intel-bundle'; collateral: TdxCollateral }
  | { kind: 'intel-tcb'; document: IntelText; fmspc: string }
  | { kind: 'intel-identity'; document: IntelText }
  | { kind: 'intel-list'; list: ListPiece }
  | { kind: 'intel-signer'; certificate: Certificate }
  | { kind: 'intel-root'; certificate: Certificate }
  | { kind: 'tpm-authority'; der: Buffer }
  /** Known, and of no use: authorities that this package has itself, certificates that come with a quote. */
  | { kind: 'nothing' }
