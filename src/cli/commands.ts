import type { ActionContext, RawInputs } from '../actions/context.ts'
import type { Definition } from '../actions/definitions.ts'
import { predictPcrOptions, predictSnpOptions } from './tee/predict-options.ts'

/** A command that is not an action: the names that INTERFACE §4 lists. */
export interface Command {
  description: string
  inputs: Definition['inputs']
  run(inputs: RawInputs, context: ActionContext): Promise<{ outputs: Record<string, string>; text?: string }>
}

const option = (name: string, description: string, fallback = '', required = false): Definition['inputs'][number] => ({
  name,
  description,
  default: fallback,
  required,
})

export const commands: Readonly<Record<string, Command>> = {
  'policy init': {
    description:
      'Writes a first policy for an image whose own statements verify. It pins issuer, repository, workflow and keys.',
    inputs: [
      option('image', 'Image to start from: oci:DIR[:TAG] or HOST/NAME[:TAG].', '', true),
      option('public-key', 'PEM file of a release key to pin; may be repeated.'),
      option(
        'jwks',
        'JWKS file of the issuer of the job tokens, pinned in the policy; by default it is read from the issuer.',
      ),
      option('output', 'File to write; it must not exist. Without it the policy goes to stdout.'),
    ],
    run: async (inputs, context) => (await import('./policy-init.ts')).policyInit(inputs, context),
  },
  'kbs dev-server': {
    description:
      'Serves the embedded Key Broker Service in the foreground. For development: it accepts sample evidence.',
    inputs: [
      option('directory', 'Folder of its keys, resources and policies (made with mode 0700).', '', true),
      option('listen', 'Loopback address and port.', '127.0.0.1:8080'),
    ],
    run: async (inputs, context) => (await import('./kbs-dev-server.ts')).kbsDevServer(inputs, context),
  },
  'agent stop': {
    description: "Ends this job's agent; its keys are gone with it.",
    inputs: [],
    run: async (_inputs, context) => (await import('./agent-stop.ts')).agentStop(context),
  },
  'tee predict snp': {
    description:
      'Predicts the launch digest of an SEV-SNP guest. With --output it writes reference values for many machine shapes.',
    inputs: [...predictSnpOptions],
    run: async (inputs, context) => (await import('./tee/predict.ts')).predictSnp(inputs, context),
  },
  'tee predict pcr': {
    description:
      'Predicts the PCRs of a measured boot. It takes a unified kernel image or a kernel that QEMU boots directly.',
    inputs: [...predictPcrOptions],
    run: async (inputs, context) => (await import('./tee/predict-pcr.ts')).predictPcr(inputs, context),
  },
  version: {
    description: 'Prints the version.',
    inputs: [],
    run: async () => {
      const { version } = await import('../base/version.ts')
      return { outputs: { version, node: process.version }, text: `sealwright ${version} (Node ${process.version})\n` }
    },
  },
}
