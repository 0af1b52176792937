import { InputError, VerificationError } from '../../base/errors.ts'
import type { PcrEvent } from '../measure/pcr.ts'
import { tdxRtmr0, tdxRtmr1, tdxRtmr2, type AcpiDigests, type RtmrLayout } from '../measure/rtmr.ts'
import { acpiFrom, rtmrLogs, type RtmrLogs } from '../measure/tdx-log.ts'
import type { TdvfSection } from '../measure/tdvf.ts'
import { parseVariableStore } from '../measure/variable-store.ts'
import type { ReferenceRow } from '../reference/values.ts'
import { kernelDigest, kernelInputs, kernelOptions, machineMemory, type DirectKernel } from './direct-kernel.ts'
import { digestOf, type NamedFile, type RecordedInputs } from './files.ts'
import { secureBootValue, type SecureBootState } from './secure-boot.ts'

/** A kernel that QEMU hands to the firmware of a TD. Its initrd needs SHA-384 and SHA-256. */
export interface TdxKernelBoot extends DirectKernel {
  /** Bytes of memory of the TD, one machine shape each. */
  readonly memory: readonly number[]
  /** Release of the firmware as edk2 names it, year and month in one number: 202502 is edk2-stable202502. */
  readonly edk2: number
  /** What RTMR0 holds beside the firmware; null leaves RTMR0 out. */
  readonly settings: TdxSettings | null
}

/** Settings of a machine that RTMR0 depends on. */
export interface TdxSettings {
  /** ACPI digests one by one, or from the event log (CCEL) of such a machine, with which all other events are then compared. */
  readonly acpi: { readonly digests: AcpiDigests } | { readonly ccel: NamedFile }
  readonly secureBoot: SecureBootState
}

/** Events of the RTMRs at direct boot. */
export interface TdxBootEvents {
  readonly inputs: RecordedInputs
  /** For each size of memory the events of RTMR0 to 2; null where a register cannot be predicted. */
  readonly shapes: readonly { readonly shape: ReferenceRow['shape']; readonly rtmrs: readonly (PcrEvent[] | null)[] }[]
  /** Log of a real boot to compare with, and its name. */
  readonly log: { readonly registers: RtmrLogs; readonly name: string } | null
}

const bank = 'sha384'

/**
 * Events of RTMR0 to 2 when QEMU boots a kernel directly in a TD.
 *
 * @param sections TDX metadata of the firmware
 * @param firmware name of the firmware file
 * @throws VerificationError `format-invalid` for an event log, kernel or firmware that cannot be read
 * @throws InputError `unsupported` for firmware whose events are not known (edk2-stable202505 and later, Secure Boot on); errors of
 * {@link kernelOptions}, {@link kernelDigest} and {@link machineMemory}; InternalError where the initrd lacks a digest
 */
export function tdxBootEvents(boot: TdxKernelBoot, sections: readonly TdvfSection[], firmware: string): TdxBootEvents {
  const { initrd, settings } = boot
  const options = kernelOptions(boot)
  const layout = rtmrLayout(boot.edk2)
  const log = readLog(settings)
  const acpi = acpiDigests(settings, log)
  const secureBoot = settings === null ? Buffer.alloc(0) : secureBootValue(settings.secureBoot)
  const store = acpi === null ? null : firmwareStore(sections, firmware)
  const shapes = machineMemory(boot.memory).map((memory) => {
    const kernel = kernelDigest(boot, memory, bank)
    const rtmr0 = acpi === null ? null : tdxRtmr0(sections, memory, acpi, secureBoot, store, layout)
    const rtmr2 = tdxRtmr2(options, initrd && digestOf(initrd, bank))
    return { shape: { memory }, rtmrs: [rtmr0, tdxRtmr1(kernel, layout), rtmr2] }
  })
  return { inputs: { ...kernelInputs(boot), ...acpiInputs(acpi) }, shapes, log }
}

/**
 * Where firmware of an edk2 release puts its second separator.
 *
 * @param release year and month, e.g. 202502
 * @throws InputError `unsupported` from edk2-stable202505 on: RTMR0 then also holds fw_cfg and SMBIOS data
 */
export function rtmrLayout(release: number): RtmrLayout {
  if (release < 202411) return 'rtmr0'
  if (release < 202505) return 'rtmr1'
  throw new InputError('unsupported', `what OVMF of edk2-stable${release} measures cannot be predicted`, {
    subject: 'edk2',
    remedy:
      'From 202505 on, RTMR0 also holds fw_cfg and SMBIOS data. Predict MRTD alone, without a kernel, and take RTMRs from a machine as captured values.',
  })
}

function readLog(settings: TdxSettings | null): TdxBootEvents['log'] {
  if (settings === null || !('ccel' in settings.acpi)) return null
  const { bytes, name } = settings.acpi.ccel
  return { registers: rtmrLogs(bytes, name), name }
}

function acpiDigests(settings: TdxSettings | null, log: TdxBootEvents['log']): AcpiDigests | null {
  if (log !== null) return acpiFrom(log.registers, log.name)
  return settings !== null && 'digests' in settings.acpi ? settings.acpi.digests : null
}

function acpiInputs(acpi: AcpiDigests | null): RecordedInputs {
  if (acpi === null) return {}
  const captured = (digest: Buffer): RecordedInputs[string] => ({
    name: 'captured',
    digest: `sha384:${digest.toString('hex')}`,
  })
  return {
    'acpi-loader': captured(acpi.loader),
    'acpi-rsdp': captured(acpi.rsdp),
    'acpi-tables': captured(acpi.tables),
  }
}

/** Variables of the firmware. With enrolled keys Secure Boot is on, and the kernel's signer would be measured too. */
function firmwareStore(sections: readonly TdvfSection[], firmware: string): ReturnType<typeof parseVariableStore> {
  const configuration = sections.find(({ type }) => type === 'configuration')
  if (configuration === undefined) {
    throw new VerificationError('format-invalid', 'the firmware has no configuration volume', { subject: 'firmware' })
  }
  const store = parseVariableStore(configuration.data, `the configuration volume of ${firmware}`)
  if (store.get('8be4df61-93ca-11d2-aa0d-00e098032b8c', 'PK') === null) return store
  throw new InputError('unsupported', `${firmware} has Secure Boot on: RTMR0 cannot be predicted`, {
    subject: 'firmware',
    remedy: 'Take a firmware without enrolled keys, or leave the ACPI digests out for RTMR1 and 2 alone.',
  })
}
