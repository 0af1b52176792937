import { machineValuesOptions } from './evidence-options.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import {
  predictPcrOptions,
  predictSnpOptions,
  predictTdxOptions,
  predictVerityOptions,
  signValuesOptions,
  showValuesOptions,
  trusteeValuesOptions,
  verifyValuesOptions,
} from './predict-options.ts'

/** Commands that say what a machine will measure, and sign that. */
export const predictCommands = {
  'tee predict snp': {
    description:
      'Predicts the launch digest of an SEV-SNP guest. With --output it writes reference values for many machine shapes.',
    inputs: [...predictSnpOptions],
    examples: [
      'sealwright tee predict snp --ovmf OVMF.amdsev.fd --vcpus 4 --vcpu-type EPYC-Milan --kernel vmlinuz --initrd initrd.img --append "console=ttyS0"',
      'sealwright tee predict snp --ovmf OVMF.amdsev.fd --vcpus 2,4,8 --vcpu-type EPYC-Milan,EPYC-Genoa --output values.json',
    ],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./predict.ts')).predictSnp(inputs, context),
  },
  'tee predict tdx': {
    description:
      'Predicts MRTD and RTMR0 to 2 of a TDX guest. MRTD (experimental) is of the firmware, the RTMRs are of a kernel that QEMU boots directly with it.',
    inputs: [...predictTdxOptions],
    examples: [
      'sealwright tee predict tdx --firmware OVMF.fd --kernel vmlinuz --initrd initrd.img --append "console=hvc0" --memory 4G',
      'sealwright tee predict tdx --firmware OVMF.fd --kernel vmlinuz --memory 4G --ccel ccel.bin --output values.json',
    ],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./predict-tdx.ts')).predictTdx(inputs, context),
  },
  'tee predict pcr': {
    description:
      'Predicts the PCRs of a measured boot. It takes a unified kernel image or a kernel that QEMU boots directly.',
    inputs: [...predictPcrOptions],
    examples: [
      'sealwright tee predict pcr --uki runner.efi --secure-boot off --failed-entries 0,1 --output values.json',
      'sealwright tee predict pcr --kernel vmlinuz --initrd initrd.img --append "console=ttyS0" --memory 4G',
    ],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./predict-pcr.ts')).predictPcr(inputs, context),
  },
  'tee predict verity': {
    description:
      'Computes the dm-verity root hash of a partition image. The result equals that of veritysetup; no hash tree is written.',
    inputs: [...predictVerityOptions],
    examples: ['sealwright tee predict verity --image root.img --salt -'],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./predict-verity.ts')).predictVerity(inputs, context),
  },
  'tee reference-values sign': {
    description:
      'Signs reference values for policies that pin the key. A list of revoked values is signed in the same way.',
    inputs: [...signValuesOptions],
    examples: [
      'sealwright tee reference-values sign --document values.json --key values.key --output values.dsse.json',
      'sealwright tee reference-values sign --document revoked.json --key guard.key --output revoked.dsse.json',
    ],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./reference-values.ts')).signReferenceValues(inputs, context),
  },
  'tee reference-values verify': {
    description:
      'Verifies signed reference values with a public key. They must be valid now. A list of revoked values is read in the same way.',
    inputs: [...verifyValuesOptions],
    examples: ['sealwright tee reference-values verify --file values.dsse.json --public-key values.pub'],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./reference-values.ts')).verifyReferenceValues(inputs, context),
  },
  'tee reference-values trustee': {
    description:
      "Prints signed reference values for a plan of kbs-publish. Uses the names of Trustee's default policy. The signature is verified first.",
    inputs: [...trusteeValuesOptions],
    examples: ['sealwright tee reference-values trustee --file values.dsse.json --public-key values.pub'],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./reference-values.ts')).exportForTrustee(inputs, context),
  },
  'tee reference-values machine': {
    description:
      "Prints the values of a machine that Trustee's default policy asks for. Its evidence is verified first; measurement, TCB and keys come from it.",
    inputs: machineValuesOptions,
    examples: [
      'sealwright tee reference-values machine --evidence evidence.json --collateral collateral/',
      'sealwright tee reference-values machine --evidence tpm.json --accept software-tpm --output values.json',
    ],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./trustee-machine.ts')).machineValues(inputs, context),
  },
  'tee reference-values show': {
    description: 'Prints reference values, signed or not. It checks no signature.',
    inputs: [...showValuesOptions],
    positional: 'file',
    examples: ['sealwright tee reference-values show values.dsse.json'],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./reference-values.ts')).showReferenceValues(inputs, context),
  },
}
