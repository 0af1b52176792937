import { join } from 'node:path'
import { copyGraph } from '../../src/oci/copy-graph.ts'
import { carryStatuses } from '../../src/tasks/status/carry.ts'
import { forgeChain } from '../../testkit/chain.ts'
import { admitted } from '../../testkit/foreign-image.ts'
import { scratch } from '../../testkit/ports.ts'
import { encryptedBase, putSmallImage, smallBase, smallFiles } from '../../testkit/small-image.ts'
import { issuer, open, policyOf, ports, revoked, say, start } from './support.ts'

test('a revocation of the plain image is carried to a repository that has the encrypted one alone', async () => {
  const [from, whole, to] = ['source', 'job', 'product'].map((name) => `oci:${join(scratch(name), 'layout')}`)
  if (from === undefined || whole === undefined || to === undefined) throw new Error('no place')
  const store = open(whole)
  const base = admitted(
    await encryptedBase(store, await smallBase(store, await putSmallImage(store, smallFiles)), ports),
  )
  await copyGraph(store, open(from), base.plain, { tag: 'v1' })
  await say(`${from}:v1`, revoked)

  // Without the statement of the encryption nothing tells the plain form.
  await copyGraph(store, open(to), base.subject.digest, { tag: 'v1' })
  const carry = async (): Promise<string[]> => {
    const { statuses } = await carryStatuses({ from, to: `${to}:v1`, policy: await policyOf() }, ports)
    return statuses.map(({ statement, outcome }) => `${outcome} ${statement.subject}`)
  }
  expect(await carry()).toEqual([])

  await forgeChain(open(to), base, { issuer, at: start })
  expect(await carry()).toEqual([`carried ${base.plain}`])
  expect(await open(to).resolve({ digest: base.plain })).toBeNull()
  expect(await carry()).toEqual([`present ${base.plain}`])
})
