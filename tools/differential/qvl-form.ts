import { writePem } from '../../src/encoding/pem.ts'
import type { TdxCollateral } from '../../src/tee/verify/tdx/collateral.ts'

/** Collateral in the members of dcap-qvl's JSON. */
export type QvlForm = Record<
  | 'pck_crl_issuer_chain'
  | 'root_ca_crl'
  | 'pck_crl'
  | 'tcb_info_issuer_chain'
  | 'tcb_info'
  | 'tcb_info_signature'
  | 'qe_identity_issuer_chain'
  | 'qe_identity'
  | 'qe_identity_signature',
  string
>

/** @param pckCrlChain DER, CA first; we take the issuer of that list from the quote, the peer from here */
export function qvlForm(collateral: TdxCollateral, pckCrlChain: readonly Buffer[]): QvlForm {
  const pem = (ders: readonly Buffer[]): string => ders.map((der) => writePem('CERTIFICATE', der)).join('')
  return {
    pck_crl_issuer_chain: pem(pckCrlChain.length > 0 ? pckCrlChain : collateral.tcbInfoChain.slice(-1)),
    root_ca_crl: collateral.rootCrl.toString('hex'),
    pck_crl: collateral.pckCrl.toString('hex'),
    tcb_info_issuer_chain: pem(collateral.tcbInfoChain),
    tcb_info: collateral.tcbInfo.bytes.toString('utf8'),
    tcb_info_signature: collateral.tcbInfo.signature.toString('hex'),
    qe_identity_issuer_chain: pem(collateral.qeIdentityChain),
    qe_identity: collateral.qeIdentity.bytes.toString('utf8'),
    qe_identity_signature: collateral.qeIdentity.signature.toString('hex'),
  }
}
