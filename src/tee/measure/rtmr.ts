import { hash } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { guidBytes } from './guid.ts'
import { actions, kernelPcr9, separator, type PcrEvent } from './pcr.ts'
import { secureBootVariables } from './secure-boot.ts'
import { tdHob } from './td-hob.ts'
import type { TdvfSection } from './tdvf.ts'
import type { VariableStore } from './variable-store.ts'

const bank = 'sha384'

/**
 * Where the firmware puts its second separator: `rtmr0` before edk2-stable202411, `rtmr1` in 202411 and 202502. From 202505 on the events of RTMR0
 * are others (fw_cfg, SMBIOS), which cannot be predicted here.
 */
export type RtmrLayout = 'rtmr0' | 'rtmr1'

/** Digests of what QEMU hands over for ACPI, SHA-384; they depend on QEMU's version and every device. */
export interface AcpiDigests {
  loader: Buffer
  rsdp: Buffer
  tables: Buffer
}

/**
 * RTMR0 of a TD that QEMU boots directly: memory, the firmware's settings, ACPI, boot entries.
 *
 * @param secureBoot data of the variable SecureBoot: empty for firmware built without it, else one byte
 * @param store variables of the firmware's configuration volume
 */
export function tdxRtmr0(
  sections: readonly TdvfSection[],
  memory: number,
  acpi: AcpiDigests,
  secureBoot: Buffer,
  store: VariableStore | null,
  layout: RtmrLayout,
): PcrEvent[] {
  const configuration = sections.find(({ type }) => type === 'configuration')
  if (configuration === undefined) {
    throw new VerificationError('format-invalid', 'the firmware has no configuration volume to measure', {
      subject: 'firmware',
    })
  }
  return [
    event('TD HOB', tdHob(sections, memory)),
    event('configuration volume', configuration.data),
    ...secureBootVariables(store, secureBoot, bank),
    separator(bank),
    { what: 'ACPI loader', digest: acpi.loader },
    { what: 'ACPI RSDP', digest: acpi.rsdp },
    { what: 'ACPI tables', digest: acpi.tables },
    event('BootOrder', Buffer.alloc(2)),
    event('Boot0000', uiApp()),
    ...(layout === 'rtmr0' ? [separator(bank)] : []),
  ]
}

/** RTMR1 at direct boot. @param kernel Authenticode digest after QEMU's header patch, SHA-384 */
export function tdxRtmr1(kernel: Buffer, layout: RtmrLayout): PcrEvent[] {
  return [
    { what: 'kernel', digest: kernel },
    action(actions.calling),
    ...(layout === 'rtmr1' ? [separator(bank)] : []),
    action('Exit Boot Services Invocation'),
    action('Exit Boot Services Returned with Success'),
  ]
}

/** RTMR2 as the kernel's EFI stub extends it: the same events as PCR 9. @param initrd SHA-384 of its bytes, null for none */
export function tdxRtmr2(options: string, initrd: Buffer | null): PcrEvent[] {
  return kernelPcr9(options, initrd, bank)
}

/** The one boot entry that OVMF makes for itself: its own setup screen, hidden (UEFI 2.10 §3.1.3, §10.3.5.8). */
function uiApp(): Buffer {
  const node = (subtype: number, guid: string): Buffer =>
    Buffer.concat([Buffer.from([4, subtype, 20, 0]), guidBytes(guid)])
  const path = Buffer.concat([
    node(7, '7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1'),
    node(6, '462caa21-7614-4503-836e-8ab6f4662331'),
    Buffer.from([0x7f, 0xff, 4, 0]),
  ])
  const head = Buffer.alloc(6)
  head.writeUInt32LE(0x109) // active, hidden, category application
  head.writeUInt16LE(path.length, 4)
  return Buffer.concat([head, Buffer.from('UiApp\0', 'utf16le'), path])
}

function event(what: string, data: Buffer): PcrEvent {
  return { what, digest: hash(bank, data, 'buffer') }
}

function action(text: string): PcrEvent {
  return event(text, Buffer.from(text, 'latin1'))
}
