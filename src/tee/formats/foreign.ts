import { isObject, type JsonValue } from '../../base/json.ts'

const starts = (hex: string) => {
  const mark = Buffer.from(hex, 'hex')
  return (bytes: Buffer): boolean => bytes.subarray(0, mark.length).equals(mark)
}

/** Evidence of hardware that has no verifier here, by the marks that it begins with. */
const marks: readonly (readonly [name: string, is: (bytes: Buffer) => boolean])[] = [
  ['an attestation report of Hygon CSV', isHygon],
  ['an attestation token of Arm CCA', starts('d9018f')],
  ['an attestation document of AWS Nitro', starts('8444a1013822')],
  ['an exchange file of IBM Secure Execution (pvattest)', (bytes) => bytes.toString('latin1', 0, 8) === 'pvattest'],
  ['a header of IBM Secure Execution', (bytes) => bytes.toString('latin1', 0, 8) === 'IBMSecEx'],
]

/** Size of Hygon's report, and where usage and algorithm of its signature stand, masked by the nonce behind them (csv-rs, `AttestationReport`). */
const hygon = { size: 2548, usage: 180, nonce: 188 } as const

function isHygon(bytes: Buffer): boolean {
  if (bytes.length !== hygon.size) return false
  const usage = (bytes.readUInt32LE(hygon.usage) ^ bytes.readUInt32LE(hygon.nonce)) >>> 0
  return usage >= 0x1000 && usage <= 0x1004
}

/** What bytes are, where they are evidence of hardware without a verifier here; null for all else. */
export function foreignEvidence(bytes: Buffer): string | null {
  return marks.find(([, is]) => is(bytes))?.[0] ?? null
}

/** The same for JSON of CoCo's attesters. */
export function foreignJson(value: JsonValue): string | null {
  if (!isObject(value)) return null
  const report = value['attestation_report']
  const csv =
    isObject(report) &&
    !('measurement' in report) &&
    ['body', 'tee_info', 'anonce', 'pek_cert'].some((name) => name in report)
  if (csv || ('serial_number' in value && 'attestation_report' in value)) return 'evidence of Hygon CSV'
  if ('token' in value && Object.keys(value).length <= 2) return 'evidence of Arm CCA'
  if ('image_phkh' in value || 'attestation_phkh' in value || 'se_attestation' in value)
    return 'evidence of IBM Secure Execution'
  if ('nsm_quote' in value || 'attestation_doc' in value) return 'an attestation document of AWS Nitro'
  return null
}
