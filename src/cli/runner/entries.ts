import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { definitions, type Definition } from '../../doors/definitions.generated.ts'
import type { JsonObject } from '../../base/json.ts'
import { attestOptions } from './attest-options.ts'

type Options = Definition['inputs']

interface Entry {
  description: string
  inputs: Options
  examples?: readonly string[]
  run(inputs: RawInputs, context: ActionContext): Promise<{ outputs: JsonObject; text?: string; refused?: boolean }>
}

const option = (name: string, description: string, fallback = '', required = false): Options[number] => ({
  name,
  description,
  default: fallback,
  required,
})

/** Places and users of a runner image, as examples/runner sets them up. */
const usual = {
  agentSocket: '/run/sealwright/agent.sock',
  agentUser: 'sealwright-agent',
  workerSocket: '/run/sealwright/worker.sock',
  workerUser: 'sealwright-build',
  workerDirectory: '/var/lib/sealwright-build',
}

const technology = option('technology', 'auto, snp, tdx, az-snp-vtpm, az-tdx-vtpm, tpm or sample.', 'auto')
const tpmDevice = option('tpm-device', "Path of a TPM, or swtpm:SOCKET. By default the machine's own.")
const tpmKey = option(
  'tpm-key',
  'Kind of the attestation key of a TPM, ecc or rsa; a stock Trustee takes rsa alone. By default ecc where the TPM has it.',
)
const akActivation = option('ak-activation', 'File of the activation record of the attestation key of a TPM.')
const setup = definitions['setup-cvm-runner']?.inputs ?? []

/** What runner admins run, beside the actions. */
export const runnerCommands: Readonly<Record<string, Entry>> = {
  'agent serve': {
    description:
      'Serves the agent of the whole machine, as a systemd unit. It starts one agent for each job and counts the jobs of a boot (examples/runner).',
    inputs: [
      option('socket', 'Path to listen on, unless systemd hands over a socket.', usual.agentSocket),
      option(
        'sockets',
        "Folder for the jobs' sockets; its group may connect. Default: jobs, in the folder of the socket.",
      ),
      option('directory', 'Folder of this agent alone, for the count and the jobs.', '/var/lib/sealwright'),
      technology,
      tpmDevice,
      option('tpm-register', 'Register of a TPM that agents extend, pcr8 to pcr15. By default pcr14.'),
      tpmKey,
      akActivation,
      option(
        'collateral',
        'Folder of collateral (certificates, CRLs, TCB data), which then travels with the evidence (tee collateral fetch fills it).',
      ),
      option(
        'workers',
        'Socket of the listener that starts workers under a user of their own (sealwright-worker.socket, or agent launcher). Without it workers run as this agent does.',
      ),
      option('source', 'image where this program lies in the measured image, else download.', 'download'),
      option('lifetime', 'Seconds after which any agent of a job ends.', '21600'),
    ],
    examples: ['sealwright agent serve --technology snp --source image'],
    run: async (inputs, context) => (await import('./agent-serve.ts')).agentServe(inputs, context),
  },
  'agent launcher': {
    description:
      'Starts workers on machines without systemd; needs root. Each connection gets a fresh worker under a user of its own. The launcher reads nothing that is sent.',
    inputs: [
      option('listen', 'Path of the socket, mode 0600.', usual.workerSocket),
      option('agent-user', "User of the machine's agent, who alone may connect.", usual.agentUser),
      option('worker-user', 'User that workers run as.', usual.workerUser),
      option('directory', 'Folder of the workers alone.', usual.workerDirectory),
    ],
    examples: ['sealwright agent launcher --worker-user sealwright-build'],
    run: async (inputs, context) => (await import('./launcher.ts')).launcher(inputs, context),
  },
  'kbs get': {
    description:
      'Reads one resource of a KBS by attesting this machine. It needs no job, extends no register and does not count as a job.',
    inputs: [
      option('kbs-url', 'Base URL of the KBS.', '', true),
      option('resource', 'kbs:///REPOSITORY/TYPE/TAG.', '', true),
      technology,
      tpmDevice,
      tpmKey,
      akActivation,
      option('tee-key', 'Key that the KBS encrypts the bytes for: P-256, P-521 or RSA.', 'P-256'),
      option('init-data', 'File of the init-data (TOML) that this machine was started with.'),
      option(
        'trustee-keys',
        'File of public keys, certificates or a JWKS: the token of the KBS must be signed by one.',
      ),
      option('plan', 'Plan that published the resource: a denial then says what differs from it.'),
      option('output', 'New file for the bytes, mode 0600. Without it they go to stdout.'),
    ],
    examples: [
      'sealwright kbs get --kbs-url https://kbs.example --resource kbs:///team/key/app --plan kbs-plan.yml --output /run/key',
      'sealwright kbs get --kbs-url https://kbs.example --resource kbs:///runners/jit/build-1 --output /run/runner/jit',
    ],
    run: async (inputs, context) => (await import('./kbs-get.ts')).kbsGet(inputs, context),
  },
  'runner self-test': {
    description:
      'Tests the claims of a runner image on this machine. The claims are: agent-exclusive, storage sealed, one job a machine. Exits with 1 if one is not true.',
    inputs: [
      option('job-user', 'User that the runner and its jobs run as.', 'runner'),
      option('agent-user', 'User of the agent of the machine.', usual.agentUser),
      option('agent-socket', 'Its socket.', usual.agentSocket),
      option('worker-user', "User of the agent's workers.", usual.workerUser),
      option('worker-socket', 'Socket of the listener of workers.', usual.workerSocket),
      option('worker-directory', 'Folder of the workers alone.', usual.workerDirectory),
      option('runner', 'Folder of the workflow runner.', '/opt/actions-runner'),
      option('storage', 'Further folders that must be sealed, one a line.'),
      option(
        'root',
        'Folder with the files of a machine, in place of this one. What only a boot shows is then reported as later.',
      ),
    ],
    examples: ['sealwright runner self-test', 'sealwright runner self-test --job-user ci --json'],
    run: async (inputs) => (await import('./self-test.ts')).runnerSelfTest(inputs),
  },
  'runner job-started': {
    description:
      "The runner's job-started hook: attests before the first step. It ties the evidence to run and attempt, and fails the job otherwise.",
    inputs: [
      ...setup,
      option('max-jobs', 'Jobs that a boot may run.', '1'),
      option('require-attested', 'true fails the job where no verifier vouches for this machine.', 'true'),
    ],
    examples: ['sealwright runner job-started --verifier local --collateral /etc/sealwright/collateral'],
    run: async (inputs, context) => (await import('./job-hooks.ts')).jobStarted(inputs, context),
  },
  'runner job-completed': {
    description: "The runner's job-completed hook: ends the agent of the job. It also wipes the state of the job.",
    inputs: [],
    examples: ['sealwright runner job-completed'],
    run: async (inputs, context) => (await import('./job-hooks.ts')).jobCompleted(inputs, context),
  },
  'runner attest': {
    description:
      'Judges a machine by evidence and signs the result. The results are SLSA Build Environment statements (draft track).',
    inputs: attestOptions,
    examples: [
      'sealwright runner attest --evidence evidence.json --image sha256:… --image-uri https://images.example/runner --reference-values runner.dsse.json --reference-keys images.pub --key control-plane.pem --verifier-id https://images.example/control-plane --output attestations',
    ],
    run: async (inputs, context) => (await import('./attest.ts')).runnerAttest(inputs, context),
  },
}
