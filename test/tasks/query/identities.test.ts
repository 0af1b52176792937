import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Descriptor, Store } from '../../../src/oci/types.ts'
import { attachBundle } from '../../../src/sign/attach.ts'
import { predicateTypes } from '../../../src/statement/types.ts'
import { looseStatement } from '../../../testkit/loose-statement.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { bundleBytes, signKeyless } from '../../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  trustedRootOf,
  uriName,
  workflowSan,
} from '../../../testkit/sigstore/instance.ts'
import { putImage, storeOf } from '../../oci/store.ts'
import { query, rowsOf } from './support.ts'

const [sigstore, foreign] = [makeSigstore(), makeSigstore()]
const otherSan = workflowSan.replace('release.yml', 'other.yml')
const folder = scratch('trust')
writeFileSync(join(folder, 'root.json'), trustedRootOf(sigstore))
writeFileSync(
  join(folder, 'policy.yml'),
  JSON.stringify({
    version: 1,
    identities: [{ name: 'release', issuer: actionsIssuer, san: workflowSan }],
    'trusted-root': 'root.json',
    'accept-signature-only': true,
  }),
)
const trust = join(folder, 'policy.yml')
const signed = new Date('2026-03-01T00:00:00Z')

let name: string
let store: Store
let image: Descriptor

/** Attaches a statement by the certificate of a workflow. @returns digest of its manifest */
async function attach(san: string, by = sigstore, at = signed): Promise<string> {
  const leaf = makeLeaf(by, {
    san: [uriName(san)],
    from: new Date(at.getTime() - 60_000),
    to: new Date(at.getTime() + 540_000),
    sctTime: at,
  })
  const parts = signKeyless(by, leaf, { payload: looseStatement('rebuild', image, {}), stampAt: at })
  return (await attachBundle(store, image, bundleBytes(parts), predicateTypes.rebuild)).digest
}

beforeEach(async () => {
  name = `oci:${scratch('query')}/layout`
  store = storeOf(name, testPorts())
  image = await putImage(store, 'one', 'one')
})

test('an identity of the policy is verified; another one, and one that another authority certified, are not', async () => {
  const good = await attach(workflowSan)
  const other = await attach(otherSan)
  const forged = await attach(workflowSan, foreign)
  const answer = await query(name, '--predicate', 'rebuild', '--trust', trust)
  expect(answer.error).toBeUndefined()
  const rows = rowsOf(answer)
  const verdicts = Object.fromEntries(rows.map(({ manifest, verdict }) => [manifest, verdict]))
  expect(verdicts[good]).toBe('verified')
  expect(verdicts[other]).toBe('unverified')
  expect(verdicts[forged]).not.toBe('verified')
  const digests = async (...args: string[]): Promise<string[]> =>
    rowsOf(await query(name, '--trust', trust, ...args)).map(({ manifest }) => manifest)
  expect((await digests('--identity', workflowSan)).sort()).toEqual([good, forged].sort())
  expect(await digests('--identity', workflowSan, '--verdict', 'verified')).toEqual([good])
  expect(await digests('--identity', '*/other.yml@*', '--issuer', actionsIssuer)).toEqual([other])
  expect(await digests('--identity', workflowSan, '--issuer', 'https://issuer.example')).toEqual([])
  // Without a policy nobody is verified, whatever a certificate says.
  expect(new Set(rowsOf(await query(name, '--identity', '*')).map(({ verdict }) => verdict))).toEqual(
    new Set(['unverified']),
  )
})
