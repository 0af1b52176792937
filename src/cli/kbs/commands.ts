import type { Command } from '../command.ts'
import { usualClaims } from '../../kbs/admin-token.ts'
import { option } from '../tee/evidence-options.ts'

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
      option('admin-role', 'Role in the tokens that are made from --admin-key.', usualClaims.role),
      option('admin-issuer', 'Issuer (iss) in these tokens.', usualClaims.issuer),
      option('admin-audience', 'Audience (aud) in these tokens.', usualClaims.audience),
    ],
    positional: 'kbs-url',
    examples: [
      'sealwright kbs doctor https://kbs.example.com',
      'sealwright kbs doctor https://kbs.example.com --admin-key env:KBS_ADMIN_KEY --json',
    ],
    run: async (inputs, context) => (await import('./doctor.ts')).kbsDoctor(inputs, context),
  },
}
