import { writePem } from '../../../src/encoding/pem.ts'
import type { TdxCollateral } from '../../../src/tee/verify/tdx/collateral.ts'

/** A set in dcap-qvl's one-file form. */
export function bundleOf(set: TdxCollateral): Buffer {
  const chain = (ders: readonly Buffer[]): string => ders.map((der) => writePem('CERTIFICATE', der)).join('')
  return Buffer.from(
    JSON.stringify({
      tcb_info: set.tcbInfo.bytes.toString(),
      tcb_info_signature: set.tcbInfo.signature.toString('hex'),
      tcb_info_issuer_chain: chain(set.tcbInfoChain),
      qe_identity: set.qeIdentity.bytes.toString(),
      qe_identity_signature: set.qeIdentity.signature.toString('hex'),
      qe_identity_issuer_chain: chain(set.qeIdentityChain),
      root_ca_crl: set.rootCrl.toString('hex'),
      pck_crl: set.pckCrl.toString('hex'),
    }),
  )
}
