import type { Command } from '../command.ts'
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
    ],
    positional: 'kbs-url',
    examples: [
      'sealwright kbs drift https://kbs.example.com --plan plan.yml --admin-key env:KBS_ADMIN_KEY',
      'sealwright kbs drift embedded:kbs --plan plan.yml --json',
    ],
    run: async (inputs, context) => (await import('./drift.ts')).kbsDrift(inputs, context),
  },
}
