import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratch } from '../../../testkit/ports.ts'
import { vector } from '../../../testkit/peers.ts'
import { door } from '../tee/door.ts'

const dir = scratch('initdata')
const put = (name: string, content: string | Buffer): string => {
  writeFileSync(join(dir, name), content)
  return join(dir, name)
}

test('what is made is shown with the same values', async () => {
  const policy = put('policy.rego', 'package agent_policy\n')
  const output = join(dir, 'initdata.toml')
  const made = await door('initdata make', '--file', policy, '--output', output)
  expect(made).toMatchObject({ code: 0 })
  const shown = await door('initdata show', output)
  expect(shown.outputs).toEqual(made.outputs)
  expect(readFileSync(output, 'utf8')).toContain("\"policy.rego\" = '''\npackage agent_policy\n'''")
})

test("Trustee's document is shown with its recorded digest", async () => {
  const digest = '0deccded0d87ec44702c7330fac3eb936b68dcca5c9f6b5df1fb3480c0b525ac'
  const { outputs } = await door('initdata show', vector('coco/initdata/init-data-with-policy.toml'))
  expect(outputs).toMatchObject({ digest, snp: digest, tdx: digest + '0'.repeat(32) })
})

test('a platform that would cut the digest has no value', async () => {
  const shown = await door('initdata show', put('long.toml', "version='0.1.0'\nalgorithm='sha512'\n[data]\na='x'\n"))
  expect(shown.outputs).toMatchObject({ snp: null, tdx: null, tpm: null })
})

test('bytes that are no text are refused', async () => {
  const made = await door('initdata make', '--file', put('b', Buffer.from([255])), '--output', join(dir, 'none'))
  expect(made.code).toBe(2)
})
