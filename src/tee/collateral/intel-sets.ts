import { verify } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import type { TdxCollateral } from '../verify/tdx/collateral.ts'
import type { SignedText } from '../verify/tdx/signed-json.ts'
import type { Certificate } from '../../encoding/x509/certificate.ts'
import type { Piece } from './pieces.ts'

/** A piece and the folder that it lay in. */
export interface Placed {
  folder: string
  file: string
  piece: Piece
}

type Of<K extends Piece['kind']> = Extract<Piece, { kind: K }>
interface Dated {
  issued: Date
  ends: Date
}

/**
 * Puts loose answers of Intel's service together: for each TCB info the identity, the lists and the signer that belong to it. What lies in
 * the same folder comes first, then the newest that was out before the TCB info ends.
 *
 * @returns one set for each TCB info and each CA that there is a list of
 * @throws VerificationError `format-invalid` naming what is missing beside a TCB info
 */
export function intelSets(placed: readonly Placed[]): TdxCollateral[] {
  const tcbs = placed.filter((one): one is Placed & { piece: Of<'intel-tcb'> } => one.piece.kind === 'intel-tcb')
  return tcbs.flatMap(({ folder, piece }) => setsFor(folder, piece, placed))
}

function setsFor(folder: string, { document, fmspc }: Of<'intel-tcb'>, placed: readonly Placed[]): TdxCollateral[] {
  const near = <K extends Piece['kind']>(kind: K): Of<K>[] => {
    const all = placed.filter((one): one is Placed & { piece: Of<K> } => one.piece.kind === kind)
    const here = all.filter((one) => one.folder === folder)
    return (here.length > 0 ? here : all).map(({ piece }) => piece)
  }
  const need = <T>(value: T | undefined, what: string): T => {
    if (value !== undefined) return value
    throw new VerificationError('format-invalid', `beside the TCB info of ${fmspc} there is no ${what}`, {
      subject: fmspc,
    })
  }
  const newest = <T>(items: readonly T[], dated: (item: T) => Dated): T | undefined =>
    items
      .toSorted((a, b) => Number(dated(b).issued) - Number(dated(a).issued))
      .toSorted((a, b) => Number(dated(a).issued > document.ends) - Number(dated(b).issued > document.ends))[0]

  const identity = need(
    newest(near('intel-identity'), (one) => one.document),
    'QE identity',
  ).document
  const lists = near('intel-list').map(({ list }) => list)
  const listOf = (issuer: string) =>
    newest(
      lists.filter((list) => list.issuer === issuer),
      (list) => list,
    )
  const rootCrl = need(listOf('Intel SGX Root CA'), "list of Intel's root").der
  const ofCas = ['Platform', 'Processor']
    .map((ca) => listOf(`Intel SGX PCK ${ca} CA`))
    .filter((list) => list !== undefined)
  need(ofCas[0], 'list of a PCK CA')
  const signers = near('intel-signer').map(({ certificate }) => certificate)
  const roots = near('intel-root').map(({ certificate }) => certificate)
  const chain = (text: SignedText): Buffer[] => {
    const signer = need(signers.find((one) => signed(text, one)) ?? signers[0], "certificate of Intel's TCB signer")
    const root = need(
      roots.find((one) => one.subject.equals(signer.issuer)),
      "certificate of Intel's root",
    )
    return [signer.bytes, root.bytes]
  }
  return ofCas.map(({ der }) => ({
    tcbInfo: document.text,
    tcbInfoChain: chain(document.text),
    qeIdentity: identity.text,
    qeIdentityChain: chain(identity.text),
    rootCrl,
    pckCrl: der,
  }))
}

/** Only to choose among signers: the verification does it again. */
function signed({ bytes, signature }: SignedText, { key }: Certificate): boolean {
  return key.asymmetricKeyType === 'ec' && verify('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }, signature)
}
