import type { TdxPlatformFacts, TdxQuoteFacts } from '../../facts/tdx.ts'
import type { PckFacts } from './pck.ts'
import { readTdAttributes } from './attributes.ts'
import type { TdxQuote } from './quote.ts'

/** What a quote says, by name; bytes in hex, 64-bit members too, since they do not fit a number. */
export function quoteFacts({ version, body, auth, trailing, userData }: TdxQuote): TdxQuoteFacts {
  const attributes = readTdAttributes(body.tdAttributes)
  return {
    version,
    'body-type': body.type,
    'tee-tcb-svn': hex(body.teeTcbSvn),
    'mr-seam': hex(body.mrSeam),
    'mr-signer-seam': hex(body.mrSignerSeam),
    'seam-attributes': hex(body.seamAttributes),
    'td-attributes': body.tdAttributes.toString(16).padStart(16, '0'),
    'td-attributes-set': attributes.set,
    debug: attributes.set.includes('DEBUG'),
    'sept-ve-disable': attributes.set.includes('SEPT_VE_DISABLE'),
    migratable: attributes.set.includes('MIGRATABLE'),
    xfam: body.xfam.toString(16).padStart(16, '0'),
    'mr-td': hex(body.mrTd),
    'mr-config-id': hex(body.mrConfigId),
    'mr-owner': hex(body.mrOwner),
    'mr-owner-config': hex(body.mrOwnerConfig),
    rtmr: body.rtmr.map(hex),
    'report-data': hex(body.reportData),
    'tee-tcb-svn2': body.teeTcbSvn2 === null ? null : hex(body.teeTcbSvn2),
    'mr-service-td': body.mrServiceTd === null ? null : hex(body.mrServiceTd),
    'user-data': hex(userData),
    'qe-mr-enclave': hex(auth.qeReport.mrEnclave),
    'qe-isv-svn': auth.qeReport.isvSvn,
    'trailing-bytes': trailing.bytes,
    'trailing-zero': trailing.allZero,
  }
}

/** What reference values are compared with (`TeeVerdict.measured`). */
export function quoteMeasured({ body }: TdxQuote): Record<string, string> {
  return {
    'mr-td': hex(body.mrTd),
    'mr-config-id': hex(body.mrConfigId),
    'mr-owner': hex(body.mrOwner),
    'mr-owner-config': hex(body.mrOwnerConfig),
    ...Object.fromEntries(body.rtmr.map((value, n) => [`rtmr${n}`, hex(value)])),
  }
}

export function pckFacts(pck: PckFacts): TdxPlatformFacts {
  return {
    ppid: hex(pck.ppid),
    fmspc: hex(pck.fmspc),
    'pce-id': hex(pck.pceId),
    'pce-svn': pck.pceSvn,
    'sgx-components': pck.components,
    'sgx-type': pck.sgxType,
    'platform-instance-id': pck.platformInstanceId === null ? null : hex(pck.platformInstanceId),
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
