import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { privatePem } from './fixtures.ts'
import { job } from './job.ts'
import { recordingLog } from '../../testkit/ports.ts'

test('a signature for another name under the tag is warned of, and one for the same name is not', async () => {
  const { ports, sign, directory } = await job({ agent: false })
  const { runSign } = await import('./job.ts')
  writeFileSync(join(ports.roots.cwd, 'my.key'), privatePem())
  const given = { image: 'oci:built:v1', signer: 'key', key: 'my.key', consumers: 'coco' }
  const log = recordingLog()
  const again = (more: Record<string, string>): Promise<unknown> =>
    runSign({ ...given, ...more }, { ...ports, log }, directory)
  const warnings = (): string[] => log.lines.filter((line) => line.includes('signedIdentity'))

  await sign({ ...given, identity: 'registry.example.org/team/elsewhere' })
  await again({ identity: 'registry.example.org/team/elsewhere' })
  expect(warnings()).toEqual([])
  await again({ identity: 'registry.example.org/team/app' })
  expect(warnings()).toEqual([
    expect.stringMatching(
      /holds a signature for "registry\.example\.org\/team\/elsewhere", not for "registry\.example\.org\/team\/app"/,
    ),
  ])
})
