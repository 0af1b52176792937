import type { Command } from '../command.ts'
import { noticeSignerOptions } from '../status/commands.ts'
import { option } from '../tee/evidence-options.ts'

/** Commands about images that are kept for evidence. */
export const archiveCommands: Readonly<Record<string, Command>> = {
  'archive record': {
    description:
      'Signs when an archived image was in production. The record is attached to the image and to each manifest of an index (docs/status.md).',
    inputs: [
      option(
        'image',
        'Image: oci:DIR[:TAG], HOST/NAME[:TAG] or another store (docs/stores.md); may be given without --image.',
        '',
        true,
      ),
      option('in-production', 'Interval in which it was in production, FROM..TO.', '', true),
      option('key-kept', 'Where the key of an encrypted image is kept, and until when: URI..UNTIL; may be repeated.'),
      ...noticeSignerOptions,
    ],
    positional: 'image',
    examples: [
      'sealwright archive record oci:archive:1.0 --in-production 2025-01-01..2026-01-01 --key archive.pem',
      'sealwright archive record oci:archive:1.0 --in-production 2025-01-01..2026-01-01 --key-kept kbs:///team/image-key/app..2036-01-01 --key archive.pem',
    ],
    run: async (inputs, context) => (await import('./archive.ts')).archiveRecord(inputs, context),
  },
  'archive purge': {
    description:
      'Deletes the layers of an archived image. Statements, evidence, manifests and configurations stay in the OCI layout and still verify; a signed record names the deleted layers.',
    inputs: [
      option('image', 'Image in an OCI layout: oci:DIR[:TAG]; may be given without --image.', '', true),
      ...noticeSignerOptions,
    ],
    positional: 'image',
    examples: ['sealwright archive purge oci:archive:1.0 --key archive.pem'],
    run: async (inputs, context) => (await import('./archive.ts')).archivePurge(inputs, context),
  },
}
