import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'

/** What our command line prints as JSON. */
function run(args: readonly string[], cwd: string, env: Record<string, string> = {}): Promise<unknown> {
  const command = [join(root, 'testkit/cli-entry.ts'), ...args, '--json']
  const options = { cwd, env: { PATH: process.env['PATH'], HOME: cwd, ...env } }
  return new Promise((resolve, reject) => {
    execFile(process.execPath, command, options, (_error, stdout, stderr) => {
      try {
        resolve(JSON.parse(stdout))
      } catch (cause) {
        reject(new Error(`it printed ${stdout}${stderr}`, { cause }))
      }
    })
  })
}

test('--registries-conf names a file by a relative path, before the variable', async () => {
  const folder = scratch('cli')
  const rule = (blocked: boolean): string => `[[registry]]\nlocation = "127.0.0.1:1"\nblocked = ${blocked}\n`
  writeFileSync(join(folder, 'blocked.conf'), rule(true))
  writeFileSync(join(folder, 'open.conf'), rule(false))
  const tree = ['tree', '127.0.0.1:1/a:v1']
  const named = (file: string): Record<string, string> => ({ SEALWRIGHT_REGISTRIES_CONF: join(folder, file) })
  const ran = await Promise.all([
    run([...tree, '--registries-conf', 'blocked.conf'], folder, named('open.conf')),
    run(tree, folder, named('blocked.conf')),
  ])
  const message = expect.stringMatching(/is blocked by .*blocked\.conf/)
  for (const one of ran) expect(one).toMatchObject({ error: { code: 'input-invalid', message } })
})
