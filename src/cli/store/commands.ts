import type { Command } from '../command.ts'
import { option } from '../tee/evidence-options.ts'

/** Commands about what a registry or layout holds. */
export const storeCommands: Readonly<Record<string, Command>> = {
  tree: {
    description:
      'Shows an image with everything that is attached to it. These are children of an index, referrers of each manifest, and cosign tags. Verifies nothing.',
    inputs: [
      option('image', 'Image: oci:DIR[:TAG] or HOST/NAME[:TAG]; may be given without --image.', '', true),
      option('format', 'text, json, mermaid (for Markdown on GitHub) or html (a page of its own).', 'text'),
    ],
    positional: 'image',
    examples: ['sealwright tree ghcr.io/owner/app:1.0', 'sealwright tree oci:build/image --format html > tree.html'],
    run: async (inputs, context) => (await import('./tree.ts')).treeCommand(inputs, context),
  },
  repair: {
    description:
      'Lists again what the list of referrers of an image has lost. It also corrects wrong artifact types in that list. Running it twice does nothing more.',
    inputs: [
      option('image', 'Image: oci:DIR[:TAG] or HOST/NAME[:TAG]; may be given without --image.', '', true),
      option(
        'from',
        'What may be attached: a file of a job (bundles-path, receipts-path, a result of --json), a list of digests, or one digest. May be repeated.',
      ),
      option('scan', 'true also looks at all manifests that tags of the repository name.', 'false'),
      option('drop-missing', 'true takes entries out of the list whose manifests are gone.', 'false'),
      option('replace-image', 'true replaces an image that cosign copy left in place of the list.', 'false'),
      option('dry-run', 'true says what would be done.', 'false'),
    ],
    positional: 'image',
    flags: ['scan', 'drop-missing', 'replace-image', 'dry-run'],
    examples: [
      'sealwright repair ghcr.io/owner/app:1.0 --from receipts.json --from bundles.jsonl',
      'sealwright repair registry.example/app:1.0 --scan --drop-missing --dry-run',
    ],
    run: async (inputs, context) => (await import('./repair.ts')).repairCommand(inputs, context),
  },
  'gc-report': {
    description:
      'Shows what a cleanup of a repository would lose or break. These are untagged referrers, entries whose manifest is gone, and what is attached to something that is gone. It never deletes.',
    inputs: [
      option('image', 'Repository or image: oci:DIR[:TAG] or HOST/NAME[:TAG]; may be given without --image.', '', true),
      option('format', 'text or json.', 'text'),
    ],
    positional: 'image',
    examples: ['sealwright gc-report ghcr.io/owner/app', 'sealwright gc-report oci:build/image --format json'],
    run: async (inputs, context) => (await import('./gc-report.ts')).gcReportCommand(inputs, context),
  },
}
