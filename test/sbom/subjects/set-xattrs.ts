import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findPeer } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'

const program = `
import json, os, sys
for path, name, value in json.load(sys.stdin):
    os.setxattr(path.encode("latin1"), name.encode("latin1"), value.encode("latin1"), follow_symlinks=False)
`

/** Sets extended attributes: path, name and value, each of bytes in latin1. */
export function setXattrs(...all: [path: string, name: string, value: string][]): void {
  execFileSync(findPeer('python3') ?? '', ['-I', '-c', program], { input: JSON.stringify(all) })
}

/** Why extended attributes cannot be tested here, or null. */
export function noXattrs(): string | null {
  const python = findPeer('python3')
  if (python === null) return 'python3 is not installed'
  const file = join(scratch('xattrs'), 'file')
  writeFileSync(file, '')
  const input = JSON.stringify([[file, 'user.test', 'x']])
  return spawnSync(python, ['-I', '-c', program], { input }).status === 0
    ? null
    : 'the file system has no extended attributes'
}

/** A test with extended attributes; where they cannot be set it is skipped with the reason, in `.ci/run` it fails. */
export function testXattrs(title: string, run: () => Promise<void>): void {
  const why = noXattrs()
  if (why === null || process.env['SEALWRIGHT_REQUIRE_PEERS'] === '1') test(title, run)
  else test.skip(`skipped: ${why}: ${title}`, () => {})
}
