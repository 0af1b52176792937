import { spawnSync } from 'node:child_process'
import { openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { toSealwrightError } from '../../src/base/errors.ts'
import { appendFile, writeFile, writeStream } from '../../src/base/write-file.ts'
import { cleanEnv } from '../../testkit/cli.ts'
import { root } from '../../testkit/peers.ts'

test.each([
  ['writeFile', () => writeFile('/dev/full', 'x')],
  ['appendFile', () => appendFile('/dev/full', 'x')],
  ['writeStream', () => pipeline(['x'], writeStream('/dev/full'))],
])('%s names the path of a file on a full disk', async (_name, write) => {
  const error: unknown = await write().then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(toSealwrightError(error)).toMatchObject({ code: 'disk-full', subject: '/dev/full' })
})

test('no source takes a writer of Node that names no path', () => {
  const found = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && file !== 'base/write-file.ts')
    .filter((file) =>
      /import \{[^}]*\b(writeFile|appendFile|createWriteStream|writeFileSync)\b[^}]*\} from 'node:fs/.test(
        readFileSync(join(root, 'src', file), 'utf8'),
      ),
    )
  expect(found).toEqual([])
})

test.each([['version'], ['--help'], ['tree', 'oci:none', '--json']])(
  'a result that a full stdout swallows is no success: %s',
  (...args) => {
    const done = spawnSync(process.execPath, [join(root, 'bench/from-sources.ts'), ...args], {
      env: cleanEnv(),
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
      encoding: 'utf8',
    })
    expect(done.status).toBe(2)
    expect(done.stderr).toContain('error (disk-full): "stdout" cannot be written: the disk is full')
    expect(done.stderr).toContain('Free space')
  },
)
