import { join } from 'node:path'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { initPolicy } from '../../src/verify/init/init.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { forgeChain, makeIssuer } from '../../testkit/chain.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putSmallImage, smallBase, smallFiles } from '../../testkit/small-image.ts'

const ports = testPorts()
const issuer = makeIssuer()
const now = new Date()
const broken = { ...smallFiles, 'app/node_modules/broken/package.json': '{"name":' }

async function chainOf(files: Readonly<Record<string, string>>): Promise<{
  image: string
  judge: (changes?: Record<string, unknown>) => Promise<Verdict>
}> {
  const layout = join(scratch('incomplete'), 'layout')
  const store = openStore(parseReference(`oci:${layout}`, '/'), ports)
  const base = await smallBase(store, await putSmallImage(store, files))
  await forgeChain(store, base, { issuer, at: now })
  const image = `oci:${layout}@${base.subject.digest}`
  const judge = async (changes: Record<string, unknown> = {}): Promise<Verdict> =>
    verifyImage(image, await parsePolicy(policyText(base, issuer, changes), '/policy.yml'), { at: now }, ports)
  return { image, judge }
}

test('a gap refuses an image whose SBOM names it; the line accepts it, and the verdict names the line', async () => {
  const { judge } = await chainOf(broken)
  const refused = await judge()
  expect(refused).toMatchObject({ verified: false, reasons: ['sbom-incomplete'] })
  expect(refused.checks.find(({ id }) => id === 'content.complete')?.why).toContain(
    'app/node_modules/broken/package.json (npm)',
  )
  const accepted = await judge({ 'accept-incomplete-sbom': true })
  expect(accepted).toMatchObject({ verified: true, reasons: [] })
  expect(accepted.exceptions).toContain('accept-incomplete-sbom')
})

test('where everything was read, the line is not needed and not named', async () => {
  const { judge } = await chainOf(smallFiles)
  expect(await judge()).toMatchObject({ verified: true })
  expect((await judge({ 'accept-incomplete-sbom': true })).exceptions).not.toContain('accept-incomplete-sbom')
})

test('a policy that asks for no SBOM refuses the gap that an attached SBOM has', async () => {
  const { judge } = await chainOf(broken)
  const verdict = await judge({ statements: ['provenance', 'inventory'] })
  expect(verdict.checks.find(({ id }) => id === 'content.complete')?.status).toBe('failed')
})

test('policy init writes the line with its reason', async () => {
  const { image } = await chainOf(broken)
  const { text, warnings } = await initPolicy(image, { publicKeys: [], jwks: issuer.jwks }, ports)
  expect(text).toMatch(/^accept-incomplete-sbom: true {2}# UNSAFE: a package database/m)
  expect(warnings.join('\n')).toContain('accept-incomplete-sbom')
  const { image: whole } = await chainOf(smallFiles)
  expect((await initPolicy(whole, { publicKeys: [], jwks: issuer.jwks }, ports)).text).not.toContain('incomplete-sbom')
})
