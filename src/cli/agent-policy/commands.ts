import { agentPolicyWords } from '../../deploy/agent-policy/problems.ts'
import type { Command } from '../command.ts'
import { option } from '../tee/evidence-options.ts'

export const acceptOption = option(
  'accept',
  `Accept by name what the agent policy leaves open: ${agentPolicyWords.join(', ')}; may be repeated.`,
)

/** Commands about what a guest lets its host ask for. */
export const agentPolicyCommands: Readonly<Record<string, Command>> = {
  'agent-policy make': {
    description:
      'Writes the policy by which a guest runs this image and no other. It is for pods of one container without volumes, whose image the guest itself pulls.',
    inputs: [
      option('image', 'Image: HOST/NAME[:TAG], oci:DIR[:TAG] or another store (docs/stores.md).', '', true),
      option('as', 'HOST/NAME under which the guest will pull the image, if that is not where it lies now.'),
      option('platform', 'Platform that the guest runs, as os/architecture[/variant].', 'linux/amd64'),
      option('arg', "Word of the command, in place of the image's; may be repeated."),
      option('env', "NAME=VALUE of the pod, in addition to the image's; may be repeated."),
      option('user', "UID:GID of the process. Default: the image's, if it names numbers."),
      option('read-only', 'The pod mounts the root file system read-only.'),
      option('logs', 'The host may read what the process writes, for kubectl logs.'),
      option('output', 'File to write; it must not exist. Without it the policy goes to stdout.'),
    ],
    positional: 'image',
    flags: ['read-only', 'logs'],
    examples: ['sealwright agent-policy make registry.example.org/team/app:1.0 --output policy.rego'],
    run: async (inputs, context) => (await import('./run.ts')).agentPolicyMake(inputs, context),
  },
  'agent-policy check': {
    description:
      'Says what a policy for the agent of a guest leaves open. It reads policies of genpolicy and of agent-policy make. Exits with 1 if something is open that is not accepted.',
    inputs: [
      option('file', 'Policy (Rego).', '', true),
      option('image', 'HOST/NAME@sha256:… that the policy must be about.', '', true),
      acceptOption,
    ],
    positional: 'file',
    examples: [
      `sealwright agent-policy check policy.rego --image registry.example.org/team/app@sha256:${'0123456789abcdef'.repeat(4)} --accept exec`,
    ],
    run: async (inputs) => (await import('./run.ts')).agentPolicyCheck(inputs),
  },
}
