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
}
