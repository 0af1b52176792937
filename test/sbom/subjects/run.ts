import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openState } from '../../../src/agent/state.ts'
import { door } from '../../../src/actions/sbom/main.ts'
import type { Ports } from '../../../src/base/ports.ts'
import type { ActionResult } from '../../../src/doors/context.ts'
import { rawInputs } from '../../../src/doors/raw-inputs.ts'
import { parseInventory } from '../../../src/image/inventory.ts'
import type { InventoryEntry } from '../../../src/image/types.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'

/** Runs the action as a step does. */
export async function run(
  given: Record<string, string>,
  ports: Ports = testPorts(),
  state = scratch('state'),
): Promise<ActionResult> {
  const inputs = rawInputs({ given: (name) => given[name], defaults: {}, ports, confine: null, label: (name) => name })
  return door.run(inputs, { ports, state: openState(state, ports) })
}

/** The documents that a run wrote, by output. */
export function documentsOf({ outputs }: ActionResult): Record<string, string> {
  const names = ['sbom-spdx-path', 'sbom-cyclonedx-path', 'inventory-path']
  return Object.fromEntries(names.map((name) => [name, readFileSync(outputs[name] ?? '', 'utf8')]))
}

export function inventoryOf({ outputs }: ActionResult): InventoryEntry[] {
  return parseInventory(readFileSync(outputs['inventory-path'] ?? ''))
}

/** Writes files into a folder. */
export function fill(root: string, files: Record<string, string | Buffer>): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  return root
}

/** Runs git as in a checkout, without the machine's configuration. */
export function git(root: string, ...args: string[]): string {
  const env = {
    PATH: process.env['PATH'] ?? '',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_DATE: '1700000000 +0000',
    GIT_COMMITTER_DATE: '1700000000 +0000',
  }
  const who = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org']
  return execFileSync('git', ['-C', root, ...who, ...args], { env, encoding: 'utf8' }).trim()
}

/** A repository with these files in its only commit. */
export function repository(files: Record<string, string>): string {
  const root = fill(scratch('source'), files)
  git(root, 'init', '-q')
  git(root, 'remote', 'add', 'origin', 'https://user:secret@forge.example/team/app.git')
  git(root, 'add', '-A')
  git(root, 'commit', '-q', '-m', 'first')
  return root
}
