import { hash } from 'node:crypto'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { parseIgvm } from '../../tee/measure/igvm.ts'
import { igvmSnpDigest } from '../../tee/measure/igvm-snp.ts'
import { baseName, named, writeDocument } from './document.ts'
import { optionFile } from '../option-file.ts'
import { readIdKeys } from './id-keys.ts'

const others = [
  'ovmf',
  'vcpus',
  'vcpu-type',
  'vcpu-sig',
  'kernel',
  'initrd',
  'append',
  'snp-ovmf-hash',
  'svsm',
  'vars-file',
]

/** `tee predict snp --igvm`: the file itself says how many processors start and with which registers. */
export async function predictIgvm(
  inputs: RawInputs,
  { ports }: ActionContext,
): Promise<{ outputs: Record<string, string>; text: string }> {
  const other = others.find((name) => inputs.text(name) !== '')
  if (other !== undefined) {
    throw new InputError('input-invalid', `--${other} has no meaning with --igvm`, {
      subject: other,
      remedy: `Leave --${other} out: the IGVM file holds the whole start of the guest.`,
    })
  }
  const name = inputs.text('igvm')
  const file = await optionFile(inputs, 'igvm')
  const igvm = parseIgvm(file, name)
  const measurement = igvmSnpDigest(igvm, name).toString('hex')
  ports.log.warn('The digest of an IGVM file is experimental: no published file comes with what hardware measured.')
  const keys = await readIdKeys(inputs)
  const processors = igvm.directives.filter(({ kind }) => kind === 'processor').length
  const written = await writeDocument(inputs, 'igvm', {
    technology: 'snp',
    covers: ['firmware'],
    inputs: { igvm: named(baseName(name), hash('sha256', file, 'buffer')) },
    experimental: ['measurement'],
    values: [{ shape: { vcpus: processors }, measured: { measurement, ...keys } }],
  })
  if (written !== null) return written
  const lines = Object.entries(keys).map(([key, value]) => `${key}=${value}\n`)
  return { outputs: { measurement, ...keys }, text: `${measurement} (experimental)\n${lines.join('')}` }
}
