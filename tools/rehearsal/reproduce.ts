import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
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
  // The sandbox of prepare shows folders of PATH, each as it is, and the tool cache.
  const bin = join(directory, 'bin')
  mkdirSync(bin, { recursive: true })
  const script = join(bin, 'install-locked.mjs')
  copyFileSync(join(root, 'images/runner/install-locked.mjs'), script)
  writeFileSync(join(bin, 'install-locked'), `#!/bin/sh\nexec node '${script}' "$@"\n`)
  chmodSync(join(bin, 'install-locked'), 0o755)
  const inputs = join(directory, 'inputs')
  const packages = join(directory, 'packages')
  const { outputs: built, error } = await cli(
    [
      ...['build-reproducible', '--context', 'app', '--builder', 'embedded', '--rebuilds', '0'],
      ...['--prepare', `install-locked '${packages}'`, '--build-args', `BASE=oci:${inputs}/base:1`],
      ...['--output', `oci:${directory}/rebuilt:1`, '--state', join(directory, 'rebuilt-state')],
    ],
    {
      PATH: [bin, dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
      RUNNER_TOOL_CACHE: packages,
    },
    join(inputs, 'source'),
  )
  if (error !== null) throw new TransportError('tool-failed', `the example was not built outside: ${error.message}`)
  return { inside: published.outputs['plain-digest'] ?? '', outside: built['digest'] ?? '' }
}
