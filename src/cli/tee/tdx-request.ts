import type { RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { fromHex } from '../../encoding/base64.ts'
import { pageOrders, type PageOrder } from '../../tee/measure/mrtd.ts'
import type { AcpiDigests } from '../../tee/measure/rtmr.ts'
import { secureBootStates } from '../../tee/predict/secure-boot.ts'
import type { TdxKernelBoot, TdxSettings } from '../../tee/predict/tdx-boot.ts'
import type { TdxRequest } from '../../tee/predict/tdx.ts'
import { memorySizes, readDirectKernel } from './direct-kernel.ts'
import { namedFile, namedFileIfGiven } from './predict-files.ts'

const acpiNames = ['acpi-loader', 'acpi-rsdp', 'acpi-tables'] as const

/**
 * Reads the options of `tee predict tdx`.
 *
 * @throws InputError `input-missing`, `input-invalid`, `file-missing` naming the option
 */
export async function readTdxRequest(inputs: RawInputs): Promise<TdxRequest> {
  inputs.required('firmware')
  return {
    firmware: await namedFile(inputs, 'firmware'),
    boot: await readBoot(inputs),
    pageOrders: readOrders(inputs),
    registers: inputs.list('registers'),
  }
}

async function readBoot(inputs: RawInputs): Promise<TdxKernelBoot | null> {
  if (inputs.text('kernel') === '') {
    const other = ['initrd', 'append', 'memory', 'ccel', ...acpiNames].find((name) => inputs.text(name) !== '')
    if (other === undefined) return null
    throw new InputError('input-missing', `--${other} as given here needs --kernel`, {
      subject: 'kernel',
      remedy: `Give --kernel too, or leave --${other} out.`,
    })
  }
  inputs.required('edk2')
  return {
    // Releases are named by year and month, as edk2 does.
    edk2: inputs.integer('edk2', 201900, 209912),
    memory: memorySizes(inputs),
    ...(await readDirectKernel(inputs, 'sha384')),
    settings: await readSettings(inputs),
  }
}

/** A log stands for the digests one by one. */
async function readSettings(inputs: RawInputs): Promise<TdxSettings | null> {
  const ccel = await namedFileIfGiven(inputs, 'ccel')
  const digests = ccel === null ? readAcpi(inputs) : null
  if (ccel === null && digests === null) return null
  inputs.required('secure-boot')
  const secureBoot = inputs.choice('secure-boot', secureBootStates)
  if (ccel !== null) return { acpi: { ccel }, secureBoot }
  return digests === null ? null : { acpi: { digests }, secureBoot }
}

/** Digests one by one: all three or none. */
function readAcpi(inputs: RawInputs): AcpiDigests | null {
  if (acpiNames.every((name) => inputs.text(name) === '')) return null
  const digest = (name: (typeof acpiNames)[number]): Buffer => {
    try {
      return fromHex(inputs.text(name).toLowerCase(), 48, `--${name}`)
    } catch (cause) {
      throw new InputError('input-invalid', `--${name} is not 96 hexadecimal digits`, {
        subject: name,
        cause,
        remedy: 'Give the SHA-384 digests of all three ACPI events, or --ccel with the log of a machine.',
      })
    }
  }
  return { loader: digest('acpi-loader'), rsdp: digest('acpi-rsdp'), tables: digest('acpi-tables') }
}

function readOrders(inputs: RawInputs): PageOrder[] {
  return inputs.list('page-order').map((text) => {
    const found = pageOrders.find((order) => order === text)
    if (found !== undefined) return found
    throw new InputError('input-invalid', `--page-order: there is no "${text}"`, {
      subject: 'page-order',
      remedy: 'Use page (QEMU 9 and later), section (QEMU 8), or both.',
    })
  })
}
