import type { Command } from '../command.ts'
import { usualClaims } from '../../kbs/admin-token.ts'
import { option } from '../tee/evidence-options.ts'

/** Claims of the tokens that are made from an admin key. */
const claimOptions = [
  option('admin-role', 'Role in the tokens that are made from --admin-key.', usualClaims.role),
  option('admin-issuer', 'Issuer (iss) in these tokens.', usualClaims.issuer),
  option('admin-audience', 'Audience (aud) in these tokens.', usualClaims.audience),
]

/** Commands about a running Key Broker Service. */
export const kbsCommands: Readonly<Record<string, Command>> = {
  'kbs doctor': {
    description:
      'Says what is unsafe about a running KBS. It asks as a stranger would and writes nothing there. Exits with 1 if a probe finds something unsafe.',
    inputs: [
      option('kbs-url', 'Base URL of the KBS; may be given without --kbs-url.', '', true),
      option(
        'admin-key',
        'Credential of a publisher (env:NAME or a file): its role is tried for paths beyond its own.',
      ),
      ...claimOptions,
    ],
    positional: 'kbs-url',
    examples: [
      'sealwright kbs doctor https://kbs.example.com',
      'sealwright kbs doctor https://kbs.example.com --admin-key env:KBS_ADMIN_KEY --json',
    ],
    run: async (inputs, context) => (await import('./doctor.ts')).kbsDoctor(inputs, context),
  },
  'kbs drift': {
    description:
      'Compares a running KBS with a plan and writes nothing there. It says what a KBS does not show. Exits with 1 if something differs.',
    inputs: [
      option('kbs-url', 'Base URL of the KBS, or embedded:DIR; may be given without --kbs-url.', '', true),
      option('plan', 'Plan file of kbs-publish (docs/kbs-publish.md).', '', true),
      option('admin-key', 'Credential of the publisher (env:NAME or a file); an embedded KBS has its own.'),
      ...claimOptions,
      option('signed-state', 'Place of the signed state of the plan, HOST/NAME:TAG or oci:DIR:TAG.'),
      option('state-public-key', 'PEM file of a public key that may have signed it; may be repeated.'),
    ],
    positional: 'kbs-url',
    examples: [
      'sealwright kbs drift https://kbs.example.com --plan plan.yml --admin-key env:KBS_ADMIN_KEY',
      'sealwright kbs drift embedded:kbs --plan plan.yml --json',
      'sealwright kbs drift https://kbs.example.com --plan plan.yml --admin-key env:KBS_ADMIN_KEY --signed-state ghcr.io/owner/kbs-state:prod --state-public-key state.pub',
    ],
    run: async (inputs, context) => (await import('./drift.ts')).kbsDrift(inputs, context),
  },
  'kbs policy test': {
    description:
      'Evaluates a KBS policy on a token before its upload. Prints the value of each rule that Trustee asks for; exits with 1 for trust claims that Trustee would read otherwise.',
    inputs: [
      option('file', 'Rego of the policy; may be given without --file.', '', true),
      option(
        'input',
        'Token of the guest (a JWT, whose signature is not checked) or its claims as JSON; for an attestation policy, the claims of one device under the name of its technology.',
        '',
        true,
      ),
      option('uri', 'Resource that is asked for (kbs:///repository/type/tag), for a resource policy.'),
      option('data', 'JSON that the policy sees as `data`, in place of --uri.'),
      option('reference-values', 'JSON object of reference values by id, for `query_reference_value`.'),
    ],
    positional: 'file',
    examples: [
      'sealwright kbs policy test allow.rego --input token.jwt --uri kbs:///default/image-key/app',
      'sealwright kbs policy test default_cpu.rego --input claims.json --reference-values values.json --json',
    ],
    run: async (inputs) => (await import('./policy-test.ts')).kbsPolicyTest(inputs),
  },
}
