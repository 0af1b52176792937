import { hash } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { guidBytes } from './guid.ts'
import { separator, type PcrEvent } from './pcr.ts'
import type { Bank } from './pe.ts'
import type { VariableStore } from './variable-store.ts'

const globalGuid = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
const imageSecurityGuid = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f'
/** Key databases in the order in which firmware measures them (TCG PC Client firmware profile §3.3.4.8). */
const databases = [
  ['PK', globalGuid],
  ['KEK', globalGuid],
  ['db', imageSecurityGuid],
  ['dbx', imageSecurityGuid],
] as const

/**
 * How the firmware's own variables are measured: PCR 7 of a TPM, RTMR0 of a TD. A database that is not there is measured with no data.
 *
 * @param store null for a machine without keys: setup mode
 * @param value data of SecureBoot: one byte, none in a TD's firmware that is built without it
 */
export function secureBootVariables(store: VariableStore | null, value: Buffer, bank: Bank): PcrEvent[] {
  return [
    variable('SecureBoot', globalGuid, value, bank),
    ...databases.map(([name, guid]) => variable(name, guid, store?.get(guid, name) ?? Buffer.alloc(0), bank)),
  ]
}

/**
 * PCR 7 up to the separator. What was booted adds its authority where Secure Boot is on, so this is the whole register only where it is off and
 * no shim is in use.
 *
 * @param value data of SecureBoot: zero where it is off, none in firmware that is built without it
 * @throws VerificationError `format-invalid` for databases that measure more than is known here
 */
export function securePcr7(store: VariableStore | null, bank: Bank, value: Buffer = Buffer.alloc(1)): PcrEvent[] {
  for (const name of ['dbt', 'dbr']) {
    if (store?.get(imageSecurityGuid, name) !== null && store !== null) {
      throw new VerificationError(
        'format-invalid',
        `the variable store holds ${name}, whose measurement is not known`,
        {
          subject: 'vars',
        },
      )
    }
  }
  return [...secureBootVariables(store, value, bank), separator(bank)]
}

/** One event over UEFI_VARIABLE_DATA: GUID, both lengths as u64, the name without NUL, the data. */
function variable(name: string, guid: string, data: Buffer, bank: Bank): PcrEvent {
  const head = Buffer.alloc(32)
  guidBytes(guid).copy(head)
  head.writeBigUInt64LE(BigInt(name.length), 16)
  head.writeBigUInt64LE(BigInt(data.length), 24)
  const event = Buffer.concat([head, Buffer.from(name, 'utf16le'), data])
  return { what: `variable ${name}`, digest: hash(bank, event, 'buffer') }
}
