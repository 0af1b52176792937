import { writePem } from '../../encoding/pem.ts'
import type { TdxCollateral } from '../verify/tdx/collateral.ts'

/**
 * A set as dcap-qvl's one file. Signed texts stay as they are.
 *
 * @param pckCrlChain DER, the CA of the list first; other programs want it, we take it from the quote
 */
export function writeBundle(set: TdxCollateral, pckCrlChain: readonly Buffer[]): Buffer {
  const chain = (ders: readonly Buffer[]): string => ders.map((der) => writePem('CERTIFICATE', der)).join('')
  return Buffer.from(
    JSON.stringify({
      pck_crl_issuer_chain: chain(pckCrlChain),
      root_ca_crl: set.rootCrl.toString('hex'),
      pck_crl: set.pckCrl.toString('hex'),
      tcb_info_issuer_chain: chain(set.tcbInfoChain),
      tcb_info: set.tcbInfo.bytes.toString('utf8'),
      tcb_info_signature: set.tcbInfo.signature.toString('hex'),
      qe_identity_issuer_chain: chain(set.qeIdentityChain),
      qe_identity: set.qeIdentity.bytes.toString('utf8'),
      qe_identity_signature: set.qeIdentity.signature.toString('hex'),
    }),
  )
}
