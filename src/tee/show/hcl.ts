import { SealwrightError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonValue } from '../../base/json.ts'
import { group, item, readLayout, type Field, type Layout } from './field.ts'
import { showSnp } from './snp.ts'

/** Report of Azure's paravisor (tee.md §1.4). */
const layout: Layout = [
  ['version', 4, 4, 'number'],
  ['size', 8, 4, 'number'],
  ['request type (2: hardware report)', 12, 4, 'number'],
  ['status', 16, 4, 'number'],
  ['reserved', 20, 12, 'hex'],
]
const runtime: Layout = [
  ['size of runtime data', 1216, 4, 'number'],
  ['version of runtime data', 1220, 4, 'number'],
  ['report type (2: SNP, 4: TDX)', 1224, 4, 'number'],
  ['hash type (1: SHA-256)', 1228, 4, 'number'],
  ['size of variable data', 1232, 4, 'number'],
]
const tdReport: Layout = [
  ['REPORTDATA', 128, 64, 'hex'],
  ['MAC', 224, 32, 'hex'],
  ['TEE_TCB_INFO', 256, 239, 'hex'],
  ['ATTRIBUTES', 512, 8, 'bits'],
  ['XFAM', 520, 8, 'bits'],
  ['MRTD', 528, 48, 'hex'],
  ['MRCONFIGID', 576, 48, 'hex'],
  ['MROWNER', 624, 48, 'hex'],
  ['MROWNERCONFIG', 672, 48, 'hex'],
  ['RTMR0', 720, 48, 'hex'],
  ['RTMR1', 768, 48, 'hex'],
  ['RTMR2', 816, 48, 'hex'],
  ['RTMR3', 864, 48, 'hex'],
]

/** The paravisor's report (tee.md §1.4): header, the hardware's report in it, variable data. A short file is shown as far as it goes. */
export function showHcl(bytes: Buffer): Field[] {
  const hardware = bytes.subarray(32, 32 + 1184)
  const tdx = bytes.length > 1228 && bytes.readUInt32LE(1224) === 4
  const size = bytes.length >= 1236 ? bytes.readUInt32LE(1232) : 0
  return [
    group('HCLA header', readLayout(bytes, layout), 0, 32),
    group(
      `hardware report (${tdx ? 'TDREPORT, not signed' : 'SNP'}), offsets of its own`,
      tdx ? readLayout(hardware, tdReport) : showSnp(hardware),
      32,
      1184,
    ),
    group('runtime data', readLayout(bytes, runtime), 1216, 20),
    group('variable data', jsonFields(bytes.subarray(1236, 1236 + size)), 1236, size),
  ]
}

function jsonFields(bytes: Buffer): Field[] {
  try {
    return memberFields(parseJson(bytes.toString('utf8'), 'variable data'))
  } catch (error) {
    if (error instanceof SealwrightError) return [item('cannot be read', error.message)]
    throw error
  }
}

/** Members of JSON as fields. */
export function memberFields(value: JsonValue): Field[] {
  if (isObject(value)) {
    return Object.entries(value).map(([name, member]) =>
      isObject(member) || (Array.isArray(member) && member.some(isObject))
        ? group(name, memberFields(member))
        : item(name, member),
    )
  }
  return Array.isArray(value)
    ? value.flatMap((member, i) => group(String(i), memberFields(member)))
    : [item('value', value)]
}
