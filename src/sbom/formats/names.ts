/** Formats that the writers know, as inputs name them. */
export const sbomFormats = ['spdx-json', 'spdx3-json', 'cyclonedx-json', 'cyclonedx1.7-json'] as const
export type SbomFormat = (typeof sbomFormats)[number]

/** What a written format is called elsewhere. */
export const formatFacts: Readonly<
  Record<SbomFormat, { title: string; mediaType: string; file: string; kind: 'spdx' | 'cyclonedx' }>
> = {
  'spdx-json': { title: 'SPDX 2.3', mediaType: 'application/spdx+json', file: 'sbom.spdx.json', kind: 'spdx' },
  'spdx3-json': {
    title: 'SPDX 3.0.1',
    mediaType: 'application/spdx+json',
    file: 'sbom.spdx3.json',
    kind: 'spdx',
  },
  'cyclonedx-json': {
    title: 'CycloneDX 1.6',
    mediaType: 'application/vnd.cyclonedx+json',
    file: 'sbom.cdx.json',
    kind: 'cyclonedx',
  },
  'cyclonedx1.7-json': {
    title: 'CycloneDX 1.7',
    mediaType: 'application/vnd.cyclonedx+json',
    file: 'sbom.cdx1.7.json',
    kind: 'cyclonedx',
  },
}
