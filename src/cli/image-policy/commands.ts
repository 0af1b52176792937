import type { Command } from '../command.ts'
import { option } from '../tee/evidence-options.ts'

/** Commands about the policy by which guests judge signatures. */
export const imagePolicyCommands: Readonly<Record<string, Command>> = {
  'image-policy make': {
    description:
      'Writes the policy by which guests judge signatures. It rejects each image that no rule names; a plan of kbs-publish makes the same one and publishes it.',
    inputs: [
      option(
        'rule',
        'HOST/NAME=kbs:///repo/type/tag: an image, and where guests read the public key of its signer; may be repeated.',
        '',
        true,
      ),
      option('output', 'File to write; it must not exist. Without it the policy goes to stdout.'),
    ],
    examples: [
      'sealwright image-policy make --rule registry.example.org/team/app=kbs:///default/cosign-public-key/app --output policy.json',
    ],
    run: async (inputs) => (await import('./run.ts')).imagePolicyMake(inputs),
  },
  'image-policy check': {
    description:
      'Shows the rules of a policy for signatures. It names what is weak in it. Exits with 1 if something is, or if guests cannot read it.',
    inputs: [
      option('file', 'Policy (containers-policy.json).', '', true),
      option('image', 'HOST/NAME[@sha256:…]: show the rule for this image alone.'),
      option('accept-anything', 'Rules that take images without a signature (insecureAcceptAnything) are intended.'),
    ],
    positional: 'file',
    flags: ['accept-anything'],
    examples: ['sealwright image-policy check policy.json --image registry.example.org/team/app'],
    run: async (inputs) => (await import('./run.ts')).imagePolicyCheck(inputs),
  },
}
