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

/** Rows of programs, models and workflows that are on one side only. */
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
  // A path within the same repository.
  ...rows('missing', 'not-a-package', 'githubactions', 'call', [
    'github-action-workflow ./.github/workflows/workflow-2.yml@',
  ]),
  ...['comments', 'multi'].flatMap((fixture) =>
    rows('missing', 'not-a-package', 'githubactions', fixture, ['github-action ./.github/actions/bootstrap@']),
  ),
  // Pinned to a commit: syft takes the version from the comment behind it, which nothing checks.
  ...rows('missing', 'other-version', 'githubactions', 'comments', [
    'github actions/checkout@v4.2.2',
    'github octo-org/this-repo@v1.0.0',
  ]),
  ...rows('extra', 'other-version', 'githubactions', 'comments', [
    'github actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683',
    'github octo-org/this-repo@172239021f7ba04fe7327647b213799853a9eb89',
  ]),
  ...rows('missing', 'other-version', 'githubactions', 'composite', [
    'github actions/checkout@11',
    'github actions/setup-go@v5.1.0',
  ]),
  ...rows('extra', 'other-version', 'githubactions', 'composite', [
    'github actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683',
    'github actions/setup-go@41dfa10bad2bb2ae585af6ee5bb4d7d973ad74ed',
  ]),
]
