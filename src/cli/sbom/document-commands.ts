import { sbomFormats } from '../../sbom/formats/names.ts'
import { profiles } from '../../sbom/score/types.ts'
import type { Command } from '../command.ts'
import { option } from '../tee/evidence-options.ts'

/** Commands about documents that are there already. */
export const sbomDocumentCommands: Readonly<Record<string, Command>> = {
  'sbom score': {
    description:
      'Reports how much of a quality profile an SBOM meets. Lists the elements that it has, declares unknown, or lacks. Reads SPDX, CycloneDX, syft, Trivy and GitHub documents, bare or in a statement; no signature is verified.',
    inputs: [
      option('file', 'SBOM to score.', '', true),
      option('profile', `Profile to score by, one of ${profiles.join(', ')}.`, 'cisa-2026'),
      option(
        'require',
        'What makes the exit code 1: nothing (no element), absent (an element is absent), unknown (an element is absent or declared unknown).',
        'nothing',
      ),
    ],
    positional: 'file',
    examples: [
      'sealwright sbom score sbom.cdx.json',
      'sealwright sbom score sbom.cdx.json --profile bsi-2.1 --require absent',
    ],
    run: async (inputs, context) => (await import('./score.ts')).sbomScore(inputs, context),
  },
  'sbom convert': {
    description:
      'Writes an SBOM in another format. What the new format cannot hold is reported on stderr. Equal input gives equal output.',
    inputs: [
      option('file', 'SBOM to convert.', '', true),
      option('to', `Format to write, one of ${sbomFormats.join(', ')}.`, '', true),
      option('output', 'File to write; it must not exist. Without it the document goes to stdout.'),
    ],
    positional: 'file',
    examples: ['sealwright sbom convert sbom.syft.json --to cyclonedx-json --output sbom.cdx.json'],
    run: async (inputs, context) => (await import('./convert.ts')).sbomConvert(inputs, context),
  },
}
