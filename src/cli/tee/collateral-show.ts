import { relative } from 'node:path'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { X509Certificate } from 'node:crypto'
import { readPieces } from '../../tee/collateral/directory.ts'
import { readDates } from '../../tee/collateral/dates.ts'
import { commonNameOf } from '../../encoding/x509/common-name.ts'
import type { Piece } from '../../tee/collateral/pieces.ts'
import { printable } from '../../base/printable.ts'
import { readVek } from '../../tee/verify/snp/vek.ts'
import type { CommandResult } from '../command.ts'
import { timeOption } from './option-values.ts'

interface Row {
  what: string
  begins: Date
  ends: Date
}

/** `tee collateral show`: what a verification would find in a folder. Signatures are not checked here. */
export async function collateralShow(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  inputs.required('directory')
  const root = inputs.path('directory')
  const at = timeOption(inputs, 'at', ports.clock.now())
  const { placed, wrong } = await readPieces([root])
  const entries = placed.flatMap(({ file, piece }) => {
    const row = rowOf(piece)
    if (row === null) return []
    const state = at < row.begins ? 'early' : at > row.ends ? 'past' : 'good'
    const path = relative(root, file) || file
    return [{ path, what: row.what, state, begins: row.begins.toISOString(), ends: row.ends.toISOString() }]
  })
  const lines = entries.map(
    ({ state, path, what, begins, ends }) => `${state.padEnd(6)} ${path} (${what}, ${begins} to ${ends})`,
  )
  return {
    outputs: { directory: root, at: at.toISOString(), entries, unusable: wrong },
    text: `${[...lines, ...wrong.map((why) => `no use ${why}`), counted(entries.length, at)].map(printable).join('\n')}\n`,
    refused: wrong.length > 0 || entries.some(({ state }) => state !== 'good'),
  }
}

function counted(number: number, at: Date): string {
  const what = number === 0 ? 'nothing with a window is here' : `${number} with a window`
  return `${what}, judged at ${at.toISOString()}`
}

/** Null for what says nothing about a time: authorities that are known already. */
function rowOf(piece: Piece): Row | null {
  switch (piece.kind) {
    case 'amd-key': {
      const { notBefore, notAfter } = piece.certificate
      const { kind, product, hwid } = readVek(piece.certificate)
      const chip = hwid === null ? '' : ` of chip ${hwid.toString('hex').slice(0, 16)}…`
      return { what: `${kind.toUpperCase()}, ${product}${chip}`, begins: notBefore, ends: notAfter }
    }
    case 'amd-list':
    case 'intel-list':
      return { what: `revocation list of ${piece.list.issuer}`, begins: piece.list.issued, ends: piece.list.ends }
    case 'intel-bundle': {
      const dates = readDates(piece.collateral)
      if (dates === null) return null
      const { fmspc, pckIssuer, begins, ends } = dates
      return { what: `FMSPC ${fmspc.toString('hex')}, ${commonNameOf(pckIssuer) ?? 'nobody'}`, begins, ends }
    }
    case 'intel-tcb':
      return { what: `TCB info of FMSPC ${piece.fmspc}`, begins: piece.document.issued, ends: piece.document.ends }
    case 'intel-identity':
      return { what: 'QE identity', begins: piece.document.issued, ends: piece.document.ends }
    case 'intel-signer':
    case 'intel-root': {
      const { subjectName, notBefore, notAfter } = piece.certificate
      return { what: subjectName ?? 'certificate', begins: notBefore, ends: notAfter }
    }
    case 'tpm-authority': {
      const certificate = new X509Certificate(piece.der)
      const name = (certificate.subject ?? '').replaceAll('\n', ', ')
      return { what: `TPM maker: ${name}`, begins: certificate.validFromDate, ends: certificate.validToDate }
    }
    case 'nothing':
      return null
  }
}
