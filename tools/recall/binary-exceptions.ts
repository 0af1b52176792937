import type { Exception } from './types.ts'

const juliaVersions = ['1.10.11', '1.11.9', '1.12.6', '1.13.0-alpha2', '1.13.0-beta3', '1.8.5', '1.9.0-alpha1']

function rows(
  side: Exception['side'],
  reason: Exception['reason'],
  ecosystem: string,
  fixture: string,
  packages: readonly string[],
): Exception[] {
  return packages.map((found) => ({ side, reason, ecosystem, fixture, package: found }))
}

/** Rows of programs and models that are on one side only. */
export const binaryExceptions: readonly Exception[] = [
  // The links by whose names syft finds these libraries are not in its module archive.
  ...rows('extra', 'syft-misses', 'binary', 'classifiers', [
    ...juliaVersions.map((version) => `generic julia@${version}`),
    // Catalogers of syft that do not answer for this folder find them as well.
    'generic php@8.2.1',
    'otp elixir@1.12.0-rc.1',
    'otp elixir@1.19.1',
  ]),
  // syft calls a model without a name after its folder; the file is called otherwise.
  ...rows('missing', 'no-evidence', 'ai', 'safetensors', ['model safetensors@']),
  ...rows('extra', 'other-name', 'ai', 'safetensors', ['generic nomic-embed-475M@']),
]
