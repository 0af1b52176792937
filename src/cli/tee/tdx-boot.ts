import { hash } from 'node:crypto'
import type { RawInputs } from '../../doors/context.ts'
import { InputError, VerificationError } from '../../base/errors.ts'
import { fromHex } from '../../encoding/base64.ts'
import { patchKernelHeader } from '../../tee/measure/kernel-header.ts'
import { directOptions, type PcrEvent } from '../../tee/measure/pcr.ts'
import { authenticode, parsePe } from '../../tee/measure/pe.ts'
import { tdxRtmr0, tdxRtmr1, tdxRtmr2, type AcpiDigests, type RtmrLayout } from '../../tee/measure/rtmr.ts'
import type { TdvfSection } from '../../tee/measure/tdvf.ts'
import { acpiFrom, rtmrLogs, type RtmrLogs } from '../../tee/measure/tdx-log.ts'
import { parseVariableStore } from '../../tee/measure/variable-store.ts'
import type { ReferenceRow, ReferenceValues } from '../../tee/reference/values.ts'
import { baseName, named } from './document.ts'
import { optionFile } from '../option-file.ts'
import { optionDigest } from './option-digest.ts'
import { memorySizes, refuseVga } from './memory.ts'

/** Events of RTMR0 to 2 at direct boot, for each size of memory; null where one cannot be predicted. */
export interface TdxBoot {
  inputs: ReferenceValues['inputs']
  shapes: { shape: ReferenceRow['shape']; rtmrs: readonly (PcrEvent[] | null)[] }[]
  /** The log of a real boot to compare with. */
  log: RtmrLogs | null
}

const acpiNames = ['acpi-loader', 'acpi-rsdp', 'acpi-tables'] as const
const bank = 'sha384'

/** Reads the options of a direct boot. Without --kernel only the firmware's own measurement can be had. */
export async function tdxBoot(inputs: RawInputs, sections: readonly TdvfSection[]): Promise<TdxBoot> {
  if (inputs.text('kernel') === '') {
    const other = ['initrd', 'append', 'memory', 'ccel', ...acpiNames].find((name) => inputs.text(name) !== '')
    if (other === undefined) return { inputs: {}, shapes: [{ shape: {}, rtmrs: [] }], log: null }
    throw new InputError('input-missing', `--${other} as given here needs --kernel`, {
      subject: 'kernel',
      remedy: `Give --kernel too, or leave --${other} out.`,
    })
  }
  const name = inputs.text('kernel')
  const append = inputs.text('append')
  refuseVga(append)
  const layout = readLayout(inputs)
  const memories = memorySizes(inputs)
  const file = await optionFile(inputs, 'kernel')
  const initrd = await optionDigest(inputs, 'initrd', bank)
  const log = inputs.text('ccel') === '' ? null : rtmrLogs(await optionFile(inputs, 'ccel'), inputs.text('ccel'))
  const acpi = log === null ? readAcpi(inputs) : acpiFrom(log, inputs.text('ccel'))
  const options = directOptions(append, initrd !== null)
  const secureBoot = acpi === null ? null : readSecureBoot(inputs, sections)
  const shapes = memories.map((memory) => {
    const patched = patchKernelHeader(file, { memory, initrdSize: initrd?.size ?? 0 }, name)
    const kernel = authenticode(parsePe(patched, name), bank)
    const rtmr0 =
      acpi === null || secureBoot === null
        ? null
        : tdxRtmr0(sections, memory, acpi, secureBoot.value, secureBoot.store, layout)
    return { shape: { memory }, rtmrs: [rtmr0, tdxRtmr1(kernel, layout), tdxRtmr2(options, initrd?.digest ?? null)] }
  })
  const found: ReferenceValues['inputs'] = {
    kernel: named(baseName(name), hash('sha256', file, 'buffer')),
    cmdline: named(options, hash('sha256', options, 'buffer')),
  }
  if (initrd !== null) {
    const sum = await optionDigest(inputs, 'initrd', 'sha256')
    found['initrd'] = named(baseName(inputs.text('initrd')), sum?.digest ?? null)
  }
  if (acpi !== null) {
    for (const [i, digest] of [acpi.loader, acpi.rsdp, acpi.tables].entries()) {
      found[acpiNames[i] ?? ''] = { name: 'captured', digest: `sha384:${digest.toString('hex')}` }
    }
  }
  return { inputs: found, shapes, log }
}

/** Releases are named by year and month, as edk2 does. */
function readLayout(inputs: RawInputs): RtmrLayout {
  inputs.required('edk2')
  const release = inputs.integer('edk2', 201900, 209912)
  if (release < 202411) return 'rtmr0'
  if (release < 202505) return 'rtmr1'
  throw new InputError('unsupported', `what OVMF of edk2-stable${release} measures cannot be predicted`, {
    subject: 'edk2',
    remedy:
      'From 202505 on, RTMR0 also holds fw_cfg and SMBIOS data. Leave --kernel out for MRTD alone, and take RTMRs from a machine with --captured.',
  })
}

/** Digests one by one; all three or none. */
function readAcpi(inputs: RawInputs): AcpiDigests | null {
  const given = acpiNames.filter((name) => inputs.text(name) !== '')
  if (given.length === 0) return null
  const [loader, rsdp, tables] = acpiNames.map((name) => {
    try {
      return fromHex(inputs.text(name).toLowerCase(), 48, `--${name}`)
    } catch (cause) {
      throw new InputError('input-invalid', `--${name} is not 96 hexadecimal digits`, {
        subject: name,
        cause,
        remedy: 'Give the SHA-384 digests of all three ACPI events, or --ccel with the log of a machine.',
      })
    }
  }) as [Buffer, Buffer, Buffer]
  return { loader, rsdp, tables }
}

/** @throws InputError `unsupported` for keys in the firmware: with Secure Boot on, the kernel's signer would be measured too */
function readSecureBoot(
  inputs: RawInputs,
  sections: readonly TdvfSection[],
): { value: Buffer; store: ReturnType<typeof parseVariableStore> } {
  inputs.required('secure-boot')
  const value = inputs.choice('secure-boot', ['absent', 'off'] as const) === 'off' ? Buffer.alloc(1) : Buffer.alloc(0)
  const configuration = sections.find(({ type }) => type === 'configuration')
  if (configuration === undefined) {
    throw new VerificationError('format-invalid', 'the firmware has no configuration volume', { subject: 'firmware' })
  }
  const store = parseVariableStore(configuration.data, `the configuration volume of ${inputs.text('firmware')}`)
  if (store.get('8be4df61-93ca-11d2-aa0d-00e098032b8c', 'PK') === null) return { value, store }
  throw new InputError('unsupported', `${inputs.text('firmware')} has Secure Boot on: RTMR0 cannot be predicted`, {
    subject: 'firmware',
    remedy: 'Take a firmware without enrolled keys, or leave the ACPI digests out for RTMR1 and 2 alone.',
  })
}
