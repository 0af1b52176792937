import { join } from 'node:path'
import { sha256 } from '../../src/base/streams.ts'
import { loadImage } from '../../src/image/load.ts'
import { roles } from '../../src/journal/event.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { SbomFormat } from '../../src/sbom/formats/names.ts'
import { describeImage, type Described } from '../../src/sbom/scan.ts'
import { makeStatement } from '../../src/statement/statement.ts'
import { predicateTypes, type SbomKind } from '../../src/statement/types.ts'
import { initPolicy } from '../../src/verify/init/init.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { forgeChain, type ChainBase } from '../../testkit/chain.ts'
import { checkOf, issuer, judge, now, ports } from '../../testkit/judged.ts'
import { scratch } from '../../testkit/ports.ts'
import { putSmallImage, smallBase, smallFiles } from '../../testkit/small-image.ts'

interface Sbom {
  kind: SbomKind
  role: string
  document: (described: Described) => Buffer
  /** Statements that the policy asks for; default: those of every policy. */
  statements?: string[]
}

/** A chain whose only SBOM is the given one. */
async function chainWith({ kind, role, document }: Sbom): Promise<{ reference: string; base: ChainBase }> {
  const layout = join(scratch('kinds'), 'layout')
  const store = openStore(parseReference(`oci:${layout}`, '/'), ports)
  const subject = await putSmallImage(store, smallFiles)
  const described = await describeImage(store, await loadImage(store, subject.digest))
  const honest = await smallBase(store, subject, described)
  const bytes = document(described)
  const base: ChainBase = {
    ...honest,
    drafts: honest.drafts.map((draft) => ({
      ...draft,
      outputs: draft.outputs.map((item) =>
        item.role === roles.spdx ? { ...item, role, digest: sha256(bytes) } : item,
      ),
    })),
    payloads: [
      ...honest.payloads.filter((item) => item.kind !== 'spdx'),
      { kind, payload: makeStatement(kind, { digest: subject.digest }, { document: bytes }) },
    ],
  }
  await forgeChain(store, base, { issuer, at: now })
  return { reference: `oci:${layout}@${subject.digest}`, base }
}

async function verdictOf(sbom: Sbom): Promise<Verdict> {
  const { reference, base } = await chainWith(sbom)
  const store = openStore(parseReference(reference, '/'), ports)
  return judge({ reference, base, store }, sbom.statements === undefined ? {} : { statements: sbom.statements })
}

const written =
  (format: SbomFormat, change = (text: string): string => text) =>
  (described: Described): Buffer =>
    Buffer.from(change(described.encode(format).toString()))

const formats: [SbomFormat, SbomKind, string][] = [
  ['spdx-json', 'spdx', roles.spdx],
  ['spdx3-json', 'spdx3', roles.spdx3],
  ['cyclonedx-json', 'cyclonedx', roles.cyclonedx],
  ['cyclonedx1.7-json', 'cyclonedx', roles.cyclonedx],
  ['cyclonedx1.7-json', 'cyclonedx', roles.cyclonedx17],
]

describe.each(formats)('%s alone, as a statement of kind %s over a document with the role %s', (format, kind, role) => {
  test('is admitted, and stands for the SBOM that every policy asks for', async () => {
    const verdict = await verdictOf({ kind, role, document: written(format) })
    expect(verdict).toMatchObject({ verified: true, reasons: [] })
    expect(checkOf(verdict, 'content.packages')).toMatchObject({
      status: 'passed',
      why: expect.stringContaining(`that the ${kind} SBOM names`),
    })
    const named = { kind, role, document: written(format) }
    expect(await verdictOf({ ...named, statements: ['provenance', 'inventory', kind] })).toMatchObject({
      verified: true,
    })
    const other = kind === 'spdx' ? 'spdx3' : 'spdx'
    expect(await verdictOf({ ...named, statements: ['provenance', 'inventory', other] })).toMatchObject({
      verified: false,
    })
  })

  test.each<[string, (text: string) => string]>([
    ['another version of a package', (text) => text.replaceAll('1.0.0', '1.0.1')],
    ['another image configuration', (text) => text.replace(/(config-digest.{1,80}?sha256:)[0-9a-f]{2}/g, '$1ee')],
  ])('with %s is refused', async (_what, change) => {
    const verdict = await verdictOf({ kind, role, document: written(format, change) })
    expect(verdict).toMatchObject({ verified: false, reasons: ['sbom-differs'] })
  })

  test('is refused where the journal gives the document another role', async () => {
    const verdict = await verdictOf({ kind, role: roles.inventory, document: written(format) })
    expect(verdict.verified).toBe(false)
    expect(checkOf(verdict, 'content.packages').status).not.toBe('passed')
  })
})

test('an SPDX 3 document under the type of SPDX 2 does not count', async () => {
  const verdict = await verdictOf({ kind: 'spdx', role: roles.spdx, document: written('spdx3-json') })
  expect(verdict).toMatchObject({ verified: false, reasons: ['sbom-differs'] })
})

test('policy init takes the SBOM that is there for the one that is asked for', async () => {
  const { reference } = await chainWith({ kind: 'spdx3', role: roles.spdx3, document: written('spdx3-json') })
  const { text } = await initPolicy(reference, { publicKeys: [], jwks: issuer.jwks }, ports)
  expect(text).not.toMatch(/^statements:/m)
  expect(predicateTypes.spdx3).toBe('https://spdx.dev/Document/v3')
})
