import { isObject, type JsonObject } from '../../base/json.ts'
import { memberCount, memberObject, refusal, register, type Published } from './values.ts'

/** Predicate of Tinfoil's releases; its content is also the file `tinfoil-deployment.json`. */
const predicateType = 'https://tinfoil.sh/predicate/snp-tdx-multiplatform/v1'

export function isTinfoilRelease(value: JsonObject): boolean {
  return value['predicateType'] === predicateType || ('snp_measurement' in value && 'tdx_measurement' in value)
}

/**
 * Values of one release of Tinfoil: the launch digest of SEV-SNP for its number of processors, RTMR1 and 2 of TDX. MRTD and RTMR0 stand in
 * `hardware-measurements.json`.
 *
 * @throws VerificationError `format-invalid`
 */
export function readTinfoilRelease(value: JsonObject, subject: string): Published[] {
  const release = value['predicateType'] === predicateType ? memberObject(value, 'predicate', subject) : value
  const tdx = memberObject(release, 'tdx_measurement', subject)
  const shape = shapeOf(release, subject)
  const own = { name: 'tinfoil', inputs: {}, experimental: [] }
  return [
    {
      ...own,
      technology: 'snp',
      covers: ['firmware', 'kernel', 'initrd', 'cmdline'],
      values: [{ shape, measured: { measurement: register(release['snp_measurement'], 'snp_measurement', subject) } }],
      notes: [],
    },
    {
      ...own,
      technology: 'tdx',
      covers: ['kernel', 'initrd', 'cmdline'],
      values: [
        {
          shape,
          measured: {
            rtmr1: register(tdx['rtmr1'], 'rtmr1', subject),
            rtmr2: register(tdx['rtmr2'], 'rtmr2', subject),
          },
        },
      ],
      notes: [
        {
          level: 'warn',
          text: 'A release does not say which firmware starts it: add `--captured mr-td=HEX`, or import hardware-measurements.json too.',
        },
      ],
    },
  ]
}

function shapeOf(release: JsonObject, subject: string): Record<string, number> {
  if (release['vm_shape'] === undefined) return {}
  const shape = memberObject(release, 'vm_shape', subject)
  return {
    vcpus: memberCount(shape, 'cpus', subject),
    'memory-mib': memberCount(shape, 'memory_mb', subject),
    gpus: memberCount(shape, 'gpus', subject, 0),
    disks: memberCount(shape, 'disks', subject, 0),
  }
}

/** `hardware-measurements.json`: MRTD and RTMR0 by platform. */
export function isTinfoilHardware(value: JsonObject): boolean {
  const platforms = Object.values(value)
  return platforms.length > 0 && platforms.every((one) => isObject(one) && 'mrtd' in one && !('rtmr2' in one))
}

/** @throws VerificationError `format-invalid` */
export function readTinfoilHardware(value: JsonObject, subject: string): Published[] {
  const values = Object.entries(value).map(([platform, one]) => {
    if (!isObject(one) || platform === '' || platform.length > 256)
      throw refusal(subject, 'has a platform without a name or values', 'Give the file as its publisher wrote it.')
    const rtmr0 = one['rtmr0'] === undefined ? {} : { rtmr0: register(one['rtmr0'], 'rtmr0', subject) }
    return { shape: { platform }, measured: { 'mr-td': register(one['mrtd'], 'mrtd', subject), ...rtmr0 } }
  })
  const name = 'tinfoil-hardware'
  return [{ name, technology: 'tdx', covers: ['firmware'], inputs: {}, values, experimental: [], notes: [] }]
}
