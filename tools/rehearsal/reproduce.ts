import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { TransportError } from '../../src/base/errors.ts'
import { cli } from '../demo/cli.ts'
import { root } from '../runner-image/recipe.ts'

/**
 * Builds the example once more, outside, from the very inputs that the guest got.
 *
 * @param directory of the rehearsal
 * @param outputs folder that the guest's outputs were unpacked into
 * @returns both digests of the image before its encryption: equal, where the build is reproducible between these machines
 */
export async function reproduce(directory: string, outputs: string): Promise<{ inside: string; outside: string }> {
  const published = JSON.parse(readFileSync(join(outputs, 'publish.json'), 'utf8')) as {
    outputs: Record<string, string>
  }
  const bin = join(directory, 'bin')
  mkdirSync(bin, { recursive: true })
  const script = join(root, 'images/runner/install-locked.mjs')
  writeFileSync(join(bin, 'install-locked'), `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`)
  chmodSync(join(bin, 'install-locked'), 0o755)
  const inputs = join(directory, 'inputs')
  const { outputs: built, error } = await cli(
    [
      ...['build-reproducible', '--context', 'app', '--builder', 'embedded', '--rebuilds', '0'],
      ...['--prepare', `install-locked '${join(directory, 'packages')}'`, '--build-args', `BASE=oci:${inputs}/base:1`],
      ...['--output', `oci:${directory}/rebuilt:1`, '--state', join(directory, 'rebuilt-state')],
    ],
    { PATH: [bin, process.env['PATH'] ?? ''].join(delimiter) },
    join(inputs, 'source'),
  )
  if (error !== null) throw new TransportError('tool-failed', `the example was not built outside: ${error.message}`)
  return { inside: published.outputs['plain-digest'] ?? '', outside: built['digest'] ?? '' }
}
