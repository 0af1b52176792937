import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyGraph } from '../../src/oci/copy-graph.ts'
import { readNotices } from '../../src/verify/status/read.ts'
import { trustOf } from '../../src/verify/policy/status.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { loadPublicKey } from '../../src/sign/public-key.ts'
import { scratch } from '../../testkit/ports.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'
import { actionRunner } from '../../testkit/working-job.ts'
import { clock, open, ports, publisher, revoked, say, start } from './support.ts'

beforeEach(() => {
  clock.now = start
})

const policy = {
  version: 1,
  'accept-sample': true,
  'accept-self-asserted-job': true,
  status: { keys: [publisher.signer.publicKeyPem] },
}

/** Two repositories of a publisher with one image each, of which the receiver has a copy, and a subscription. */
async function subscribed(): Promise<{
  folder: string
  digests: string[]
  run: (more?: Record<string, string>) => ReturnType<ReturnType<typeof actionRunner>>
  states(): Promise<number[]>
}> {
  const folder = scratch('statuses')
  const names = ['one', 'two']
  const digests: string[] = []
  for (const name of names) {
    const from = open(`oci:${join(folder, 'source', name)}`)
    const { digest } = await putSmallImage(from, { ...smallFiles, [name]: name }, 'v1')
    await copyGraph(from, open(`oci:${join(folder, 'target', name)}`), digest, { tag: 'v1' })
    digests.push(digest)
  }
  writeFileSync(join(folder, 'policy.yml'), JSON.stringify(policy))
  writeFileSync(
    join(folder, 'list'),
    [...names, 'three', '../source/one'].map((name) => `oci:${folder}/source/${name}`).join('\n'),
  )
  const entry = { from: `oci:${folder}/source/*`, to: `oci:${folder}/target/*`, repositories: 'list' }
  const entries = [
    { ...entry, tags: ['v2'], policy: 'policy.yml', environment: 'production' },
    { ...entry, policy: 'policy.yml', exclude: ['.att'] },
  ]
  writeFileSync(join(folder, 'subscription.yml'), JSON.stringify({ version: 1, entries }))
  const action = actionRunner(ports, join(folder, 'state'))
  const trust = trustOf(
    { publicKeys: [loadPublicKey(publisher.signer.publicKeyPem)], identities: [] },
    await parsePolicy(JSON.stringify(policy), '/policy.yml'),
  )
  return {
    folder,
    digests,
    run: (more = {}) =>
      action('promote', { 'status-only': 'true', subscription: join(folder, 'subscription.yml'), ...more }),
    states: () =>
      Promise.all(
        names.map(async (name, i) => {
          const store = open(`oci:${join(folder, 'target', name)}`)
          return (await readNotices('status', store, digests[i] as `sha256:${string}`, trust, start)).counted.length
        }),
      ),
  }
}

test('statuses of all images of a subscription are carried, whatever its tags say now', async () => {
  const { folder, run, states, digests } = await subscribed()
  await say(`oci:${join(folder, 'source', 'two')}:v1`, revoked)
  const dry = await run({ 'dry-run': 'true' })
  expect([await states(), dry.outputs['promoted']]).toEqual([[0, 0], 'false'])
  const first = await run()
  expect(await states()).toEqual([0, 1])
  expect(JSON.parse(first.outputs['copied-json'] ?? '')).toMatchObject([
    { to: `oci:${folder}/target/two`, subject: digests[1], status: 'revoked', outcome: 'carried' },
  ])
  // One name leads out of the place and is refused by name; what was never promoted is told, and is no failure.
  const told = first.lines?.join('\n') ?? ''
  expect(told).toContain(`oci:${folder}/target/three: the target has no image yet`)
  expect(told).toContain('"../source/one", which is no name of a repository')
  expect([first.exitCode, first.outputs['reasons'], first.outputs['promoted']]).toEqual([2, 'input-invalid', 'false'])
  const again = await run()
  expect(JSON.parse(again.outputs['copied-json'] ?? '')).toEqual([])
  expect(again.report.tables.map(({ title }) => title)).toContain(`Status of images in oci:${folder}/target/two`)
})

test('a source that cannot be read fails by name, and the others are carried', async () => {
  const { folder, run, states } = await subscribed()
  await say(`oci:${join(folder, 'source', 'two')}:v1`, revoked)
  writeFileSync(join(folder, 'source', 'one', 'index.json'), 'no index')
  const done = await run()
  expect(done.exitCode).toBe(2)
  expect(done.outputs['reasons']).toContain('format-invalid')
  expect(done.lines?.join('\n')).toContain(`oci:${folder}/target/one: not carried`)
  expect(await states()).toEqual([0, 1])
})
