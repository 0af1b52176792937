import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cli, type CliAnswer } from '../cli.ts'

/** A plan that would give a key to sample evidence on a KBS that is not our own. Refused before anything is sent: nothing listens there. */
export async function unsafePolicy(directory: string): Promise<CliAnswer> {
  const folder = join(directory, 'unsafe-policy')
  await mkdir(folder, { recursive: true })
  const plan = {
    version: 1,
    'accept-sample': true,
    'replace-global': 'first',
    resources: [
      {
        uri: 'kbs:///example/image-key/app',
        source: 'env:IMAGE_KEY',
        admit: [{ technology: 'sample', measurements: ['any'] }],
      },
    ],
  }
  const path = join(folder, 'plan.json')
  await writeFile(path, JSON.stringify(plan))
  return cli([
    'kbs-publish',
    '--kbs-url',
    'http://127.0.0.1:9',
    '--plan',
    path,
    '--mode',
    'plan',
    '--state',
    join(folder, 'state'),
  ])
}
