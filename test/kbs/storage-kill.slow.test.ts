import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { storedByKbs } from '../../testkit/kbs-stored.ts'
import { openStorage } from '../../src/kbs-server/storage.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

const root = join(import.meta.dirname, '../..')
const program = `
import { openStorage } from '${join(root, 'src/kbs-server/storage.ts')}'
import { testPorts } from '${join(root, 'testkit/ports.ts')}'
const storage = await openStorage(process.argv[1], testPorts())
for (let n = Number(process.argv[2]); ; n++) {
  await storage.update(() => JSON.stringify({ n, fill: 'x'.repeat(50_000) }), 'document')
  await storage.write(String(n), 'last')
  process.stdout.write(n + '\\n')
}
`

test('killed thirty times while it writes, the storage holds what was answered, whole', async () => {
  const directory = scratch('kbs-kill')
  let answered = 0
  for (let round = 0; round < 30; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, directory, String(answered + 1)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    child.stdout.on('data', (piece: Buffer) => (text += piece.toString()))
    await once(child.stdout, 'data')
    await new Promise((resolve) => setTimeout(resolve, (round * 7) % 40))
    child.kill('SIGKILL')
    await once(child, 'close')
    answered = Number(text.slice(0, text.lastIndexOf('\n')).split('\n').pop())
    const held = storedByKbs(directory)
    const document = JSON.parse(String(held.get('document'))) as { n: number; fill: string }
    const last = Number(String(held.get('last')))
    // What was told is there; the step after it may be, and its two writes come one after the other.
    expect(last === answered || last === answered + 1).toBe(true)
    expect(document.n === last || document.n === last + 1).toBe(true)
    expect(document.fill).toHaveLength(50_000)
    answered = Math.max(last, document.n)
  }
  expect(answered).toBeGreaterThan(60)
  const storage = await openStorage(directory, testPorts())
  expect(String(await storage.read('last'))).toMatch(/^\d+$/)
  storage.close()
}, 180_000)

test('a writer that another process keeps waiting is told', async () => {
  const directory = scratch('kbs')
  const storage = await openStorage(directory, testPorts())
  await storage.write('before', 'last')
  const other = new DatabaseSync(join(directory, 'kbs.sqlite'))
  other.exec('BEGIN IMMEDIATE')
  await expect(storage.write('after', 'last')).rejects.toMatchObject({
    code: 'state-conflict',
    message: expect.stringContaining('another process keeps') as string,
  })
  other.exec('ROLLBACK')
  other.close()
  expect(String(await storage.read('last'))).toBe('before')
  storage.close()
}, 20_000)
