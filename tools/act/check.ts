import { existsSync, readFileSync } from 'node:fs'
import { outputOf, type Output } from './events.ts'

/**
 * What must hold after a run, beyond act's exit code.
 *
 * @param nodes what {@link readNodes} gave
 * @returns one line for each thing that does not hold
 */
export function shortcomings(outputs: readonly Output[], nodes: readonly string[]): string[] {
  const found: string[] = []
  const verified = outputOf(outputs, 'deploy', 'verified')
  if (verified !== 'true') found.push(`the gate's verdict is verified=${verified ?? '(none)'}`)
  if (!outputOf(outputs, 'deploy', 'vsa-digest')) found.push('the gate attached no verification summary')
  const builder = outputOf(outputs, 'publish', 'key-id')
  const gate = outputOf(outputs, 'deploy', 'key-id')
  if (!builder || !gate || builder === gate) found.push('the two jobs did not have an agent each')
  // act takes whatever `node` comes first and never compares it with `node24`.
  const old = nodes.filter((line) => !line.startsWith('v24.'))
  if (nodes.length === 0) found.push('no action of dist/ was seen to start')
  if (old.length > 0) found.push(`not under Node 24: ${old.join(', ')}`)
  return found
}

/** Of a file with one `VERSION PROGRAM` line for each Node process: those that ran an action of `dist/`. */
export function readNodes(path: string): string[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => /\/dist\/[a-z-]+\/(index|post)\.js$/.test(line))
}
