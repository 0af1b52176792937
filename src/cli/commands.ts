import { archiveCommands } from './archive/commands.ts'
import { bundleCommands } from './bundle/entries.ts'
import type { Command } from './command.ts'
import { encryptCommands } from './encrypt/commands.ts'
import { guestCommands } from './guest/commands.ts'
import { agentPolicyCommands } from './agent-policy/commands.ts'
import { imagePolicyCommands } from './image-policy/commands.ts'
import { initdataCommands } from './initdata/commands.ts'
import { kbsCommands } from './kbs/commands.ts'
import { logCommands } from './log/commands.ts'
import { modelCommands } from './model/commands.ts'
import { publishedCommands } from './published/entries.ts'
import { runnerCommands } from './runner/entries.ts'
import { scittCommands } from './scitt/commands.ts'
import { secretCommands } from './secret/commands.ts'
import { statusCommands } from './status/commands.ts'
import { queryCommands } from './query/commands.ts'
import { storeCommands } from './store/commands.ts'
import { sbomDocumentCommands } from './sbom/document-commands.ts'
import { akCommands } from './tee/ak-commands.ts'
import { evidenceCommands } from './tee/commands.ts'
import { option } from './tee/evidence-options.ts'
import { predictCommands } from './tee/predict-commands.ts'
import { sbomCompareCommands } from './sbom/compare-commands.ts'

export const commands: Readonly<Record<string, Command>> = {
  'policy init': {
    description:
      'Writes a first policy for an image whose own statements verify. It pins issuer, repository, workflow and keys.',
    inputs: [
      option(
        'image',
        'Image to start from: oci:DIR[:TAG], HOST/NAME[:TAG] or another store (docs/stores.md).',
        '',
        true,
      ),
      option('public-key', 'PEM file of a key to pin that signed the image or its promotion record; may be repeated.'),
      option('identity', 'Subject alternative name of certificates to pin; may be repeated.'),
      option('issuer', 'Issuer of the identity; one for all, or one for each in the same order.'),
      option('trusted-root', 'Sigstore trusted root (JSON) of these identities; the policy then names it as well.'),
      option(
        'jwks',
        'JWKS file of the issuer of the job tokens, pinned in the policy; by default it is read from the issuer.',
      ),
      option(
        'timestamp-authority',
        'PEM file with the certificates of a time stamp authority to pin (signer first, root last); may be repeated.',
      ),
      option('status-key', 'PEM file of a key whose status statements count (docs/status.md); may be repeated.'),
      option('log-key', 'Verifier key of a private log to pin, NAME+HASH+BASE64 (docs/log.md).'),
      option('log-witness', 'Verifier key of a witness that must have cosigned; may be repeated.'),
      option('log-witness-time', 'The cosignatures of these witnesses count as trusted time (docs/trusted-time.md).'),
      option(
        'collateral',
        'Folder with collateral of the hardware (certificates, CRLs, TCB data); the policy then names it as well.',
      ),
      option('output', 'File to write; it must not exist. Without it the policy goes to stdout.'),
    ],
    flags: ['log-witness-time'],
    examples: [
      'sealwright policy init --image registry.example.com/team/app:1.0 --output policy.yml',
      'sealwright policy init --image oci:/tmp/app:1.0 --public-key release.pub --output policy.yml',
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
    examples: ['sealwright kbs dev-server --directory ./kbs --listen 127.0.0.1:8080'],
    run: async (inputs, context) => (await import('./kbs-dev-server.ts')).kbsDevServer(inputs, context),
  },
  'agent stop': {
    description: "Stops this job's agent and deletes its keys.",
    inputs: [],
    examples: ['sealwright agent stop'],
    run: async (_inputs, context) => (await import('./agent-stop.ts')).agentStop(context),
  },
  ...bundleCommands,
  ...modelCommands,
  ...encryptCommands,
  ...guestCommands,
  ...agentPolicyCommands,
  ...imagePolicyCommands,
  ...initdataCommands,
  ...secretCommands,
  ...kbsCommands,
  ...scittCommands,
  ...storeCommands,
  ...queryCommands,
  ...statusCommands,
  ...archiveCommands,
  ...sbomDocumentCommands,
  ...logCommands,
  ...predictCommands,
  ...publishedCommands,
  ...evidenceCommands,
  ...akCommands,
  ...runnerCommands,
  ...sbomCompareCommands,
  version: {
    description: 'Prints the version.',
    inputs: [],
    examples: ['sealwright version --json'],
    run: async () => {
      const { version } = await import('../base/version.ts')
      return { outputs: { version, node: process.version }, text: `sealwright ${version} (Node ${process.version})\n` }
    },
  },
}
