import { githubActions } from '../../../src/sbom/catalogers/binary/github-actions.ts'
import type { FoundPackage } from '../../../src/sbom/model.ts'
import { catalog } from './catalog.ts'

const sha = '11bd71901bbe5b1630ceea73d27597364c9af683'
const read = (text: string, path = '.github/workflows/ci.yml'): FoundPackage[] =>
  catalog(githubActions, { [path]: Buffer.from(text) }).packages
const purls = (text: string, path?: string): string[] => read(text, path).map(({ purl }) => purl)

describe('githubactions', () => {
  test('actions of steps, reusable workflows, and images of steps, jobs and services', () => {
    const workflow = `
jobs:
  build:
    container: registry.example:5000/team/builder:1.2
    services:
      db: {image: "postgres:16@sha256:${'a'.repeat(64)}"}
    steps:
      - uses: actions/checkout@${sha} # v4.2.2
      - uses: github/codeql-action/init@v3
      - uses: docker://alpine:3.20
      - run: |
          uses: not/an-action@v1
      - {uses: "actions/cache@v4"}
  call:
    uses: octo-org/repo/.github/workflows/x.yml@v1
`
    expect(purls(workflow)).toEqual([
      'pkg:docker/team/builder@1.2?repository_url=registry.example:5000',
      `pkg:docker/postgres@sha256:${'a'.repeat(64)}?tag=16`,
      `pkg:github/actions/checkout@${sha}`,
      'pkg:github/github/codeql-action@v3#init',
      'pkg:docker/alpine@3.20',
      'pkg:github/actions/cache@v4',
      'pkg:github/octo-org/repo@v1#.github/workflows/x.yml',
    ])
    const found = read(workflow)
    expect(found[2]).toMatchObject({ type: 'github-action', name: 'actions/checkout', version: sha, scope: 'build' })
    // What a comment says of a commit is not what runs.
    expect(found[2]?.properties).toEqual([['githubactions:comment', 'v4.2.2']])
    expect(found[6]?.type).toBe('github-action-workflow')
  })

  test('composite and Docker actions in any folder', () => {
    expect(purls('runs:\n  using: composite\n  steps:\n    - uses: a/b@v1\n', 'action.yml')).toEqual([
      'pkg:github/a/b@v1',
    ])
    expect(purls('runs:\n  using: docker\n  image: docker://debian:12\n', 'x/action.yaml')).toEqual([
      'pkg:docker/debian@12',
    ])
    expect(purls('runs:\n  using: docker\n  image: Dockerfile\n', 'action.yml')).toEqual([])
  })

  test('actions and workflows of the same repository are listed by their path, without a version', () => {
    expect(
      read('jobs:\n  a:\n    uses: ./.github/workflows/b.yml\n  c:\n    steps:\n      - uses: ./.github/actions/own\n'),
    ).toMatchObject([
      { type: 'github-action-workflow', name: './.github/workflows/b.yml', version: null },
      { type: 'github-action', name: './.github/actions/own', version: null, scope: 'build' },
    ])
    expect(read('jobs:\n  a:\n    steps:\n      - uses: $/actions/sbom\n')).toMatchObject([
      { type: 'github-action', name: '$/actions/sbom', version: null },
    ])
    expect(purls('jobs:\n  a:\n    steps:\n      - uses: ./own\n')).toEqual(['pkg:generic/github-action/.%2Fown'])
  })

  test('expressions name no package; other files are not read', () => {
    const steps = (use: string): string => `jobs:\n  a:\n    steps:\n      - uses: ${use}\n`
    expect(purls('jobs:\n  a:\n    container: ./x\n')).toEqual([])
    expect(purls('jobs:\n  a:\n    container: ${{ matrix.image }}\n')).toEqual([])
    expect(purls('env:\n  uses: a/b@v1\n')).toEqual([])
    expect(purls('', '.github/workflows/empty.yml')).toEqual([])
    expect(purls(steps('a/b@v1'), 'docs/workflows/ci.yml')).toEqual([])
    expect(purls(steps('a/b@v1'), '.github/workflows/sub/ci.yml')).toEqual([])
  })

  test('what is not YAML, stands twice, nests too deep or is not in its form is an error', () => {
    const steps = (use: string): string => `jobs:\n  a:\n    steps:\n      - uses: ${use}\n`
    expect(() => purls('a: [')).toThrow(/is not YAML/)
    expect(() => purls('jobs: 1\njobs: 2\n')).toThrow(/is not YAML/)
    expect(() => purls('['.repeat(60) + ']'.repeat(60))).toThrow(/nests more than 32 levels/)
    expect(() => purls(steps('checkout@v4'))).toThrow('"checkout@v4" is not in the form owner/repository@version')
    expect(() => purls(steps('actions/checkout'))).toThrow(/is not in the form/)
  })
})
