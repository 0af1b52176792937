import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { errorRecord, toSealwrightError, VerificationError, withPath } from '../../src/base/errors.ts'
import { root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'

async function failure(run: () => Promise<unknown>): Promise<unknown> {
  return run().then(
    () => 'none',
    (error: unknown) => error,
  )
}

test('a full disk is told with the path that was written and what to do', async () => {
  const full = await open('/dev/full', 'w')
  const error = await failure(() => full.writeFile('x'))
  await full.close()
  expect(toSealwrightError(error)).toMatchObject({ code: 'disk-full', exitCode: 2 })
  const told = toSealwrightError(withPath(error, '/some/folder'))
  expect(told).toMatchObject({
    code: 'disk-full',
    subject: '/some/folder',
    message: '"/some/folder" cannot be written: the disk is full',
  })
  expect(told.remedy).toMatch(/^Free space/)
})

test.each([
  ['EROFS', 'no-access', 'read-only'],
  ['EACCES', 'no-access', 'no permission'],
  ['EPERM', 'no-access', 'no permission'],
  ['EDQUOT', 'disk-full', 'quota'],
  ['EFBIG', 'disk-full', 'larger'],
  ['ENOENT', 'internal', 'x'],
  ['EBADF', 'internal', 'x'],
])('%s of the system is %s', (code, expected, why) => {
  const error = Object.assign(new Error('x'), { code, syscall: 'mkdir', path: '/a/b' })
  const told = toSealwrightError(error)
  expect(told.code).toBe(expected)
  expect(told.message).toContain(why)
  if (expected !== 'internal') expect(told.message).toContain('"/a/b" cannot be written')
})

test('what only looks like an error of the system stays internal', () => {
  expect(toSealwrightError(Object.assign(new Error('x'), { code: 'ENOSPC' })).code).toBe('internal')
  expect(toSealwrightError(null).code).toBe('internal')
})

/** Puts a blob and a manifest into a layout in a process of its own, and prints the error as the command line has it. */
const script = `
import { openLayout } from '${root}/src/oci/layout.ts'
import { makePorts } from '${root}/src/runner/make-ports.ts'
import { errorRecord } from '${root}/src/base/errors.ts'
const log = { debug() {}, info() {}, warn() {}, progress() {}, group: (t, f) => f(), mask() {} }
const ports = makePorts({ env: {}, cwd: '/', log })
const store = openLayout(process.argv[1], 'x', ports)
await store.putBlob({ bytes: Buffer.alloc(100000) }).then(() => console.log('none'), (error) => console.log(JSON.stringify(errorRecord(error))))
`

test.each<[string, string[], string]>([
  ['no room for a byte', ['sh', '-c', 'ulimit -f 0; exec "$@"', 'sh'], 'disk-full'],
  ['no permission', [], 'no-access'],
])('a layout where there is %s is told by its folder', async (_name, prefix, code) => {
  const folder = join(scratch('full'), 'layout')
  mkdirSync(folder)
  let command = [...prefix, process.execPath, '--input-type=module', '-e', script, folder]
  if (code === 'no-access') {
    chmodSync(folder, 0o555)
    chmodSync(join(folder, '..'), 0o755)
    // Root is not asked for permissions.
    if (process.getuid?.() === 0) command = ['setpriv', '--reuid=65534', '--clear-groups', ...command]
  }
  const [program = '', ...args] = command
  const { stdout } = await promisify(execFile)(program, args, { env: { PATH: process.env['PATH'] } })
  const told = JSON.parse(stdout) as { code: string; message: string; remedy: string }
  expect(told).toMatchObject({ code, message: expect.stringContaining(folder) as string })
  expect(told.remedy).not.toBe('')
})

test('what cannot be read is told with a remedy, whoever tells it', () => {
  const told = (remedy?: string): string | null =>
    errorRecord(new VerificationError('format-invalid', 'x', { subject: 's', remedy })).remedy
  expect([told(), told('Mend it.')]).toEqual([expect.stringContaining('the file that was meant'), 'Mend it.'])
  expect(errorRecord(new VerificationError('digest-mismatch', 'x', { subject: 's' })).remedy).toBeNull()
})
