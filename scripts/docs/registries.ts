import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { resultsPath, type Results } from '../../tools/registries/results.ts'
import { carriedParts, rows } from '../../tools/registries/rows.ts'
import { cell, table } from './tables.ts'

const ours = { publish: '`sign-attest`', verify: '`verify-deploy`', tree: '`tree`', promote: '`promote`' } as const
const others = {
  cosign2: 'cosign 2',
  cosign3: 'cosign 3',
  oras: 'oras',
  skopeo: 'skopeo',
  regctl: 'regctl',
  crane: 'crane',
} as const

/** docs/registries.md: what our commands and those of others do on registries of all kinds. */
export function registriesPage(root: string): string {
  const { lines, carried } = JSON.parse(readFileSync(join(root, 'tools/registries', resultsPath), 'utf8')) as Results
  const cells = new Map(lines.map((line) => [line.row, line.cells]))
  const tableOf = (columns: Readonly<Record<string, string>>): string =>
    table([
      ['Server', 'What is special', ...Object.values(columns)],
      ...rows.map(({ name, note, quirks }) => [
        cell(name),
        cell(
          [note, quirks === '' || name === `preset ${quirks}` ? '' : `\`${quirks}\``]
            .filter((one) => one !== '')
            .join(': '),
        ),
        ...Object.keys(columns).map((column) => shown(cells.get(name)?.[column])),
      ]),
    ])
  return `<!-- Made by npm run docs from tools/registries/data. Do not edit. -->

# Registries

What our commands do on registries of all kinds, and what the commands of others do on the same servers. \`npm run registries\` tries all of it and fails where
the results differ from this page. \`.ci/run\` does so for our commands on all rows but the long ones, and for those of others on some.

The servers are Debian's docker-registry, an OCI layout, and [the test registry](../tools/registry/README.md) of this repository, which passes the conformance
suite of the distribution specification and departs from it by switches. A preset is a combination of switches after what users reported of a product; it is
not a statement about the product of today. Switches stand in \`code\`.

## Ours

An image is published from a layout with three statements by a key (\`sign-attest\`), admitted by a policy that names the key (\`verify-deploy\`), shown (\`tree\`, all
three statements are found), and copied within the registry (\`promote\`, verified before and after). In the last three rows the switches are on only after
publishing. An error is shown by its code; \`refused\` is a verdict.

${tableOf(ours)}

## Others

On an image of its own in the same registry, cosign signs with a key and verifies; oras and regctl attach a file, find it, copy the image with what is attached, and
find it at the copy; skopeo and crane copy the image. The first step that fails is shown. Where a result depends on the order of
requests that a program sends at once, it is "unsteady".

${tableOf(others)}

## What each command carries over

An image, an index of two images and an image that is named by SHA-512 are signed by \`sign-attest\`, and more is attached to them. Each command copies them to a
repository of its own on a registry that has the referrers API. "No" means that the command ends without an error and leaves that part behind. \`promote\` also
carries receipts and evidence, which are referrers.

${table([
  ['Part', ...carried.map(({ row }) => cell(`\`${row}\``))],
  ...Object.entries(carriedParts).map(([part, name]) => [
    cell(name),
    ...carried.map(({ cells }) => shown(cells[part])),
  ]),
])}
`
}

function shown(result: string | undefined): string {
  if (result === undefined) return '–'
  return result === 'yes' ? 'yes' : `**${cell(result)}**`
}
