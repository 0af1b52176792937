import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cli } from '../../testkit/cli.ts'
import { scratch } from '../../testkit/ports.ts'

const published = ['--output', 'oci:app']

test.each([
  ['no output', [], 'input-missing', 'output'],
  ['signer: key without a key', [...published, '--signer', 'key'], 'input-missing', 'key'],
  ['an unknown consumer', [...published, '--consumers', 'cosign4'], 'input-invalid', 'consumers'],
  ['a KBS without admin-key', [...published, '--kbs-url', 'https://kbs.example'], 'input-missing', 'admin-key'],
  [
    'a plan that is not there',
    [...published, '--kbs-url', 'embedded:kbs', '--plan', 'none.yml'],
    'file-missing',
    'plan',
  ],
])('the whole chain refuses %s before anything is started', async (_name, args, code, subject) => {
  const cwd = scratch('publish')
  const answer = await cli(['publish', '--technology', 'sample', ...args], { cwd })
  expect(answer).toMatchObject({ exitCode: 2, error: { code, subject } })
  expect(existsSync(join(cwd, '.sealwright/agent.json'))).toBe(false)
})
