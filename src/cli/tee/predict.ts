import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import type { ShapeMatrix } from '../../tee/measure/matrix.ts'
import { namesModel } from '../../tee/measure/vmsa.ts'
import { predictSnp as predict, snpMeasurement, type HashedKernel, type SnpGuest } from '../../tee/predict/snp.ts'
import { svsmMeasurement } from '../../tee/predict/svsm.ts'
import { wantsDocument, writeDocument } from './document.ts'
import { hashedFile, namedFile, readIdKeys } from './predict-files.ts'
import { needs, oneMachine, readShapes } from './snp-shapes.ts'

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
  const guest = await readGuest(inputs)
  if (inputs.text('svsm') !== '') return shown(await predictSvsm(inputs, guest, shapes))
  if (inputs.text('vars-file') !== '') throw needs('vars-file', 'svsm')
  if (!wantsDocument(inputs)) return shown(snpMeasurement(guest, oneMachine(inputs, shapes)))
  if (inputs.text('vcpu-sig') !== '' || (shapes.vcpuTypes.length === 0 && shapes.vmms.some(namesModel))) {
    throw needs('output', 'vcpu-type')
  }
  return writeDocument(inputs, predict(guest, shapes))
}

async function readGuest(inputs: RawInputs): Promise<SnpGuest> {
  return {
    kernel: await readKernel(inputs),
    firmware: await namedFile(inputs, 'ovmf'),
    firmwareDigest: readFirmwareDigest(inputs.text('snp-ovmf-hash')),
    idKeys: await readIdKeys(inputs),
  }
}

async function readKernel(inputs: RawInputs): Promise<HashedKernel | null> {
  const kernel = await hashedFile(inputs, 'kernel', ['sha256'])
  const initrd = await hashedFile(inputs, 'initrd', ['sha256'])
  const append = inputs.text('append')
  if (kernel !== null) return { kernel, initrd, append }
  if (initrd !== null) throw needs('initrd', 'kernel')
  if (append !== '') throw needs('append', 'kernel')
  return null
}

async function predictSvsm(inputs: RawInputs, guest: SnpGuest, shapes: ShapeMatrix): Promise<Record<string, string>> {
  const { vmm, vcpus, features, processor } = oneMachine(inputs, shapes)
  const vars = await hashedFile(inputs, 'vars-file', [])
  if (vars === null) throw needs('svsm', 'vars-file')
  if (vmm !== 'QEMU' || guest.kernel !== null || features !== 1n || inputs.text('output') !== '') {
    throw new InputError('unsupported', 'with --svsm only QEMU without kernel, features and matrix can be predicted', {
      subject: 'svsm',
      remedy: 'Leave out --kernel, --guest-features, --output and --vmm-type.',
    })
  }
  const svsm = await namedFile(inputs, 'svsm')
  const { firmware, idKeys } = guest
  return svsmMeasurement({ firmware, svsm, varsSize: vars.size, idKeys, vcpus, processor })
}

function readFirmwareDigest(text: string): Buffer | null {
  if (text === '') return null
  if (/^[\da-fA-F]{96}$/.test(text)) return Buffer.from(text, 'hex')
  throw new InputError('input-invalid', '--snp-ovmf-hash has not 96 hexadecimal digits', { subject: 'snp-ovmf-hash' })
}

function shown({ measurement = '', ...keys }: Record<string, string>): {
  outputs: Record<string, string>
  text: string
} {
  const lines = Object.entries(keys).map(([name, value]) => `${name}=${value}\n`)
  return { outputs: { measurement, ...keys }, text: `${measurement}\n${lines.join('')}` }
}
