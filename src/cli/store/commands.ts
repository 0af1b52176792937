import type { Command } from '../command.ts'
import { option } from '../tee/evidence-options.ts'

/** Commands about what a registry or layout holds. */
export const storeCommands: Readonly<Record<string, Command>> = {
  tree: {
    description:
      'Shows an image with everything that is attached to it. These are children of an index, referrers of each manifest, and cosign tags. Verifies nothing.',
    inputs: [
      option(
        'image',
        'Image: oci:DIR[:TAG], HOST/NAME[:TAG] or another store (docs/stores.md); may be given without --image.',
        '',
        true,
      ),
      option('format', 'text, json, mermaid (for Markdown on GitHub) or html (a page of its own).', 'text'),
    ],
    positional: 'image',
    examples: ['sealwright tree ghcr.io/owner/app:1.0', 'sealwright tree oci:build/image --format html > tree.html'],
    run: async (inputs, context) => (await import('./tree.ts')).treeCommand(inputs, context),
  },
  promote: {
    description:
      'Copies an image with all that is attached to it. The image has to pass a policy in both stores. The tag is written last.',
    inputs: [
      option('from', 'Image to copy: oci:DIR[:TAG], HOST/NAME[:TAG] or another store (docs/stores.md).', '', true),
      option(
        'to',
        'Where to: oci:DIR[:TAG], HOST/NAME[:TAG] or another store (docs/stores.md); without a tag that of the source.',
        '',
        true,
      ),
      option('policy', 'Policy that the source and the copy have to pass (docs/policy.md).', '', true),
      option(
        'include',
        'Attached things that go along: artifact types, predicate types, .sig or .att; * stands for any text. Default: all. May be repeated.',
      ),
      option('exclude', 'Attached things that stay behind, in the same form; wins over --include. May be repeated.'),
      option('dry-run', 'true verifies the source and says what would be copied.', 'false'),
    ],
    flags: ['dry-run'],
    examples: [
      'sealwright promote --from ghcr.io/owner/app:1.0 --to registry.example/prod/app --policy policy.yml --dry-run',
      'sealwright promote --from registry.example/app:1.0 --to oci:archive --policy policy.yml --exclude .att',
    ],
    run: async (inputs, context) => (await import('./promote.ts')).promoteCommand(inputs, context),
  },
}
