import type { RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { vcpuLimit, type ShapeMatrix } from '../../tee/measure/matrix.ts'
import { namesModel, vmmTypes, type VmmType } from '../../tee/measure/vmsa.ts'
import type { SnpMachine, SnpProcessor } from '../../tee/predict/snp.ts'
import { useOneOf } from '../../base/nearest.ts'

/** Reads the options that may name several machine shapes. @throws InputError `input-missing`, `input-invalid` */
export function readShapes(inputs: RawInputs): ShapeMatrix {
  inputs.required('vcpus')
  const vcpus = inputs.list('vcpus').map((text) => Number(readNumber('vcpus', text)))
  const wrong = vcpus.find((n) => n < 1 || n > vcpuLimit)
  if (wrong !== undefined) {
    throw new InputError('input-invalid', `--vcpus: ${wrong} is not a number from 1 to ${vcpuLimit}`, {
      subject: 'vcpus',
    })
  }
  const vmms = inputs.list('vmm-type').map(readVmm)
  const features = inputs.list('guest-features').map((text) => readNumber('guest-features', text))
  return { vmms, vcpus, vcpuTypes: inputs.list('vcpu-type'), features }
}

/** The one machine that these options describe. @throws InputError `input-missing` for several, `input-invalid` */
export function oneMachine(inputs: RawInputs, shapes: ShapeMatrix): SnpMachine {
  const { vmms, vcpus, vcpuTypes, features } = shapes
  const [vmm] = vmms
  const [count] = vcpus
  const [feature] = features
  if (vmm !== undefined && count !== undefined && feature !== undefined) {
    if (vmms.length === 1 && vcpus.length === 1 && features.length === 1 && vcpuTypes.length <= 1) {
      return { vmm, vcpus: count, features: feature, processor: readProcessor(inputs, vcpuTypes[0], vmm) }
    }
  }
  throw needs('vcpus', 'output')
}

/** An option that makes sense only with another one. */
export function needs(name: string, other: string): InputError {
  return new InputError('input-missing', `--${name} as given here needs --${other}`, {
    subject: other,
    remedy: `Give --${other} too, or leave --${name} out or at one value.`,
  })
}

function readProcessor(inputs: RawInputs, type: string | undefined, vmm: VmmType): SnpProcessor {
  const given = inputs.text('vcpu-sig')
  if (given !== '' && type !== undefined) {
    throw new InputError('input-invalid', '--vcpu-sig and --vcpu-type say the same thing', { subject: 'vcpu-sig' })
  }
  if (given !== '') {
    if (/^(\d{1,10}|0[xX][\da-fA-F]{1,8})$/.test(given) && Number(given) <= 0xffffffff) {
      return { signature: Number(given) }
    }
    throw new InputError('input-invalid', `--vcpu-sig: ${given} is not a number of 32 bits`, { subject: 'vcpu-sig' })
  }
  if (type !== undefined) return { model: type }
  return namesModel(vmm) ? { model: inputs.required('vcpu-type') } : null
}

function readVmm(text: string): VmmType {
  const found = vmmTypes.find((vmm) => vmm === text)
  if (found !== undefined) return found
  throw new InputError('input-invalid', `--vmm-type: there is no "${text}"`, {
    subject: 'vmm-type',
    remedy: useOneOf(text, vmmTypes),
  })
}

function readNumber(name: string, text: string): bigint {
  if (/^(\d{1,20}|0[xX][\da-fA-F]{1,16})$/.test(text) && BigInt(text) < 1n << 64n) return BigInt(text)
  throw new InputError('input-invalid', `--${name}: ${text} is not a number`, {
    subject: name,
    remedy: 'Write a decimal number, or a hexadecimal one with 0x.',
  })
}
