import { hash } from 'node:crypto'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { kernelHashes, type KernelHashes } from '../../tee/measure/kernel-hashes.ts'
import { snpRows } from '../../tee/measure/matrix.ts'
import { parseOvmf } from '../../tee/measure/ovmf.ts'
import { snpFirmware, snpLaunchDigest, svsmLaunchDigest } from '../../tee/measure/snp.ts'
import { vcpuSignature } from '../../tee/measure/vcpu.ts'
import { vmmTypes, type VmmType } from '../../tee/measure/vmsa.ts'
import type { ReferenceValues } from '../../tee/reference/values.ts'
import { baseName, named, writeDocument } from './document.ts'
import { optionFile } from '../option-file.ts'
import { optionDigest } from './option-digest.ts'
import { readIdKeys } from './id-keys.ts'

interface Shapes {
  vmms: VmmType[]
  vcpus: number[]
  types: string[]
  features: bigint[]
}

/** `tee predict snp`: the launch digest of one machine shape, or a document with those of many (`--output`). */
export async function predictSnp(
  inputs: RawInputs,
  context: ActionContext,
): Promise<{ outputs: Record<string, string>; text: string }> {
  if (inputs.text('igvm') !== '') return (await import('./predict-igvm.ts')).predictIgvm(inputs, context)
  if (inputs.text('ovmf') === '') {
    throw new InputError('input-missing', '--ovmf is required, or --igvm', {
      subject: 'ovmf',
      remedy: 'Give the firmware of the guest.',
    })
  }
  const shapes = readShapes(inputs)
  const hashes = await readKernel(inputs)
  const image = await optionFile(inputs, 'ovmf')
  const ovmf = parseOvmf(image, inputs.text('ovmf'))
  const keys = await readIdKeys(inputs)
  if (inputs.text('svsm') !== '') {
    const digest = await predictSvsm(inputs, ovmf, shapes, hashes)
    return shown(digest, keys)
  }
  if (inputs.text('vars-file') !== '') throw needs('vars-file', 'svsm')
  const measured = snpFirmware(ovmf, baseName(inputs.text('ovmf')))
  const seed = inputs.text('snp-ovmf-hash')
  const firmware = seed === '' ? measured : { ...measured, seed: hex48(seed) }
  const matrix = inputs.text('output') !== ''
  if (matrix && (inputs.text('vcpu-sig') !== '' || (shapes.types.length === 0 && shapes.vmms.includes('QEMU')))) {
    throw needs('output', 'vcpu-type')
  }
  const rows = matrix ? snpRows(firmware, hashes, { ...shapes, vcpuTypes: shapes.types }) : []
  const written = await writeDocument(inputs, 'ovmf', {
    technology: 'snp',
    covers: hashes === null ? ['firmware'] : ['firmware', 'kernel', 'initrd', 'cmdline'],
    inputs: {
      firmware: named(firmware.name, seed === '' ? hash('sha256', image, 'buffer') : null),
      'firmware-pages': { name: 'launch digest after them', digest: `sha384:${firmware.seed.toString('hex')}` },
      ...kernelInputs(inputs, hashes),
    },
    values: rows.map(({ shape, measured: m }) => ({ shape, measured: { ...m, ...keys } })),
  })
  if (written !== null) return written
  const { vmm, vcpus, features } = single(shapes)
  return shown(
    snpLaunchDigest(firmware, { vmm, vcpus, features, signature: readSignature(inputs, shapes, vmm) }, hashes),
    keys,
  )
}

async function predictSvsm(
  inputs: RawInputs,
  ovmf: ReturnType<typeof parseOvmf>,
  shapes: Shapes,
  hashes: KernelHashes | null,
): Promise<Buffer> {
  const { vmm, vcpus, features } = single(shapes)
  const name = inputs.text('svsm')
  const vars = await optionDigest(inputs, 'vars-file', 'sha256')
  if (vars === null) throw needs('svsm', 'vars-file')
  if (vmm !== 'QEMU' || hashes !== null || features !== 1n || inputs.text('output') !== '') {
    throw new InputError('unsupported', 'with --svsm only QEMU without kernel, features and matrix can be predicted', {
      subject: 'svsm',
      remedy: 'Leave out --kernel, --guest-features, --output and --vmm-type.',
    })
  }
  const svsm = parseOvmf(await optionFile(inputs, 'svsm'), name)
  return svsmLaunchDigest(ovmf, svsm, vars.size, { vcpus, signature: readSignature(inputs, shapes, vmm) }, name)
}

function readShapes(inputs: RawInputs): Shapes {
  inputs.required('vcpus')
  const number = (name: string, text: string): bigint => {
    if (/^(\d{1,20}|0[xX][\da-fA-F]{1,16})$/.test(text) && BigInt(text) < 1n << 64n) return BigInt(text)
    throw new InputError('input-invalid', `--${name}: ${text} is not a number`, {
      subject: name,
      remedy: 'Write a decimal number, or a hexadecimal one with 0x.',
    })
  }
  const vcpus = inputs.list('vcpus').map((text) => Number(number('vcpus', text)))
  const wrong = vcpus.find((n) => n < 1 || n > 512)
  if (wrong !== undefined) {
    throw new InputError('input-invalid', `--vcpus: ${wrong} is not a number from 1 to 512`, { subject: 'vcpus' })
  }
  const vmms = inputs.list('vmm-type').map((text) => {
    const found = vmmTypes.find((vmm) => vmm === text)
    if (found !== undefined) return found
    throw new InputError('input-invalid', `--vmm-type: there is no "${text}"`, {
      subject: 'vmm-type',
      remedy: `Use one of: ${vmmTypes.join(', ')}.`,
    })
  })
  const features = inputs.list('guest-features').map((text) => number('guest-features', text))
  return { vmms, vcpus, types: inputs.list('vcpu-type'), features }
}

function single({ vmms, vcpus, types, features }: Shapes): { vmm: VmmType; vcpus: number; features: bigint } {
  const [vmm] = vmms
  const [count] = vcpus
  const [feature] = features
  if (vmm !== undefined && count !== undefined && feature !== undefined) {
    if (vmms.length === 1 && vcpus.length === 1 && features.length === 1 && types.length <= 1) {
      return { vmm, vcpus: count, features: feature }
    }
  }
  throw needs('vcpus', 'output')
}

/** EC2 and GCE start all processors with a constant in its place. */
function readSignature(inputs: RawInputs, { types: [type] }: Shapes, vmm: VmmType): number {
  const given = inputs.text('vcpu-sig')
  if (given !== '' && type !== undefined) {
    throw new InputError('input-invalid', '--vcpu-sig and --vcpu-type say the same thing', { subject: 'vcpu-sig' })
  }
  if (given !== '') {
    if (/^(\d{1,10}|0[xX][\da-fA-F]{1,8})$/.test(given) && Number(given) <= 0xffffffff) return Number(given)
    throw new InputError('input-invalid', `--vcpu-sig: ${given} is not a number of 32 bits`, { subject: 'vcpu-sig' })
  }
  if (type !== undefined) return vcpuSignature(type)
  if (vmm === 'QEMU') return vcpuSignature(inputs.required('vcpu-type'))
  return 0
}

async function readKernel(inputs: RawInputs): Promise<KernelHashes | null> {
  const kernel = await optionDigest(inputs, 'kernel', 'sha256')
  const initrd = await optionDigest(inputs, 'initrd', 'sha256')
  const append = inputs.text('append')
  if (kernel !== null) return kernelHashes(kernel.digest, initrd?.digest ?? null, append)
  if (initrd !== null) throw needs('initrd', 'kernel')
  if (append !== '') throw needs('append', 'kernel')
  return null
}

function hex48(text: string): Buffer {
  if (/^[\da-fA-F]{96}$/.test(text)) return Buffer.from(text, 'hex')
  throw new InputError('input-invalid', '--snp-ovmf-hash has not 96 hexadecimal digits', { subject: 'snp-ovmf-hash' })
}

function needs(name: string, other: string): InputError {
  return new InputError('input-missing', `--${name} as given here needs --${other}`, {
    subject: other,
    remedy: `Give --${other} too, or leave --${name} out or at one value.`,
  })
}

function kernelInputs(inputs: RawInputs, hashes: KernelHashes | null): ReferenceValues['inputs'] {
  if (hashes === null) return {}
  return {
    kernel: named(baseName(inputs.text('kernel')), hashes.kernel),
    initrd: named(baseName(inputs.text('initrd')), hashes.initrd),
    cmdline: named(inputs.text('append'), hashes.cmdline),
  }
}

function shown(digest: Buffer, keys: Record<string, string>): { outputs: Record<string, string>; text: string } {
  const measurement = digest.toString('hex')
  const lines = Object.entries(keys).map(([name, value]) => `${name}=${value}\n`)
  return { outputs: { measurement, ...keys }, text: `${measurement}\n${lines.join('')}` }
}
