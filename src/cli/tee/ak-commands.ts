import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { option } from './evidence-options.ts'

const device = option('tpm-device', "Path of a TPM, or swtpm:SOCKET; by default the machine's own.")

const key = option(
  'tpm-key',
  'Kind of the attestation key, ecc or rsa, as the runner has it. By default ecc where the TPM has it.',
)

/** Commands that tie a TPM's attestation key to its endorsement key (docs/tpm.md). */
export const akCommands = {
  'tee ak show': {
    description:
      "Prints the keys of this machine's TPM. A policy can pin them. With --output it writes them for a registrar.",
    inputs: [
      device,
      key,
      option('output', 'New file for the keys, as "tee ak challenge" takes them.'),
      option('trustee', "true prints just the attestation key, as Trustee's list trusted_aks holds it.", 'false'),
    ],
    examples: [
      'sealwright tee ak show',
      'sealwright tee ak show --output keys.json',
      'sealwright tee ak show --trustee true',
    ],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./ak-machine.ts')).showKeys(inputs, context),
  },
  'tee ak challenge': {
    description:
      'Registrar: challenges a machine to prove its TPM keys. The proof shows that the keys of `tee ak show` are in one TPM.',
    inputs: [
      option('keys', 'File of "tee ak show", from the machine.', '', true),
      option('output', 'New file for the challenge, for the machine (also for tpm2_activatecredential).', '', true),
      option('pending', 'New file that the registrar keeps until the answer.', '', true),
      option(
        'ek-root',
        "Root certificate of the TPM's manufacturer, PEM or DER; the chain must then be valid. May be repeated.",
      ),
      option('ek-authority', "Certificates between it and the TPM's, PEM or DER. May be repeated."),
    ],
    examples: [
      'sealwright tee ak challenge --keys keys.json --ek-root maker.pem --output challenge.bin --pending pending.json',
    ],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./ak-registrar.ts')).challengeKeys(inputs, context),
  },
  'tee ak activate': {
    description: "Machine: answers a registrar's challenge with its TPM. Only the TPM that holds both keys can.",
    inputs: [
      device,
      key,
      option('challenge', 'File of "tee ak challenge" (or of tpm2_makecredential).', '', true),
      option('output', 'New file for the answer.', '', true),
    ],
    examples: ['sealwright tee ak activate --challenge challenge.bin --output answer.bin'],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./ak-machine.ts')).answerChallenge(inputs, context),
  },
  'tee ak record': {
    description: 'Registrar: checks the answer and signs the record. The record travels with the evidence of this TPM.',
    inputs: [
      option('pending', 'File that "tee ak challenge" kept.', '', true),
      option('answer', 'File of "tee ak activate", from the machine.', '', true),
      option('key', 'Private key of the registrar: a PEM file, or env:NAME.', '', true),
      option('key-password', 'Password of the key: a file, or env:NAME.'),
      option('output', 'New file for the record: the input ak-activation of setup-cvm-runner.', '', true),
    ],
    examples: [
      'sealwright tee ak record --pending pending.json --answer answer.bin --key registrar.key --output record.json',
    ],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./ak-registrar.ts')).recordActivation(inputs, context),
  },
}
