import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'

/** Runs one line of bash after the functions of scripts/peers were read. */
function bash(line: string, before = ''): { status: number | null; stdout: string } {
  const folder = scratch()
  const script = `set -uo pipefail; root=${root}; peers=${folder}; bin=$peers/bin; mkdir -p "$bin"
    . "$root/scripts/peers.d/versions.sh"; ${before}
    ${line}`
  const done = spawnSync('bash', ['-c', script], { encoding: 'utf8', cwd: join(root, 'scripts') })
  return { status: done.status, stdout: done.stdout.trim() }
}

test.each([
  ['buildah version 1.28.2 (image-spec 1.0.2, runtime-spec 1.0.2)', '1.28.2'],
  ['v0.22.1', '0.22.1'],
  ['Version:     v1.3.2+unreleased', '1.3.2'],
  ['tool="tpm2" version="5.4" tctis="x"', '5.4'],
  ['2.5.0-2+b5', '2.5.0'],
  ['zizmor 1.32.0', '1.32.0'],
])('%s is version %s', (text, version) => {
  expect(bash(`first_version '${text}'`).stdout).toBe(version)
})

test.each(['GitVersion: devel', 'GoVersion: go1.24.4', '(devel)', ''])('"%s" tells no version', (text) => {
  expect(bash(`first_version '${text}'`)).toEqual({ status: 1, stdout: '' })
})

test.each([
  ['crane 0.22.1 0.22.1', 0],
  ['crane 0.100.0 0.22.1', 0],
  ['crane 0.9.9 0.22.1', 1],
  ['cosign2 2.5.0 2.5.0', 0],
  ['cosign2 3.1.1 2.5.0', 1],
  ['cosign3 2.6.0 2.5.0', 1],
])('in range: %s', (args, status) => {
  expect(bash(`in_range ${args}`).status).toBe(status)
})

test('a noted version holds for the very program it was noted for', () => {
  const make = `printf '#!/bin/sh\\necho devel\\n' >"$bin/crane"; chmod +x "$bin/crane"; note_version crane v0.22.1;`
  expect(bash('version_of crane', make)).toEqual({ status: 0, stdout: '0.22.1' })
  expect(bash('echo "# another" >>"$bin/crane"; version_of crane', make).status).toBe(1)
})

test('a program that does not run has no version', () => {
  const make = `printf '#!/bin/sh\\necho 9.9.9; exit 1\\n' >"$bin/crane"; chmod +x "$bin/crane"; note_version crane v9.9.9;`
  expect(bash('version_of crane', make).status).toBe(1)
})
