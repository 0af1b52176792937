import { existsSync, readFileSync } from 'node:fs'
import { outputOf, type Output } from './events.ts'

/**
 * What must hold after a run, beyond act's exit code.
 *
 * @param nodes file with one `VERSION PROGRAM` line for each Node process that the steps started
 * @returns one line for each thing that does not hold
 */
export function shortcomings(outputs: readonly Output[], nodes: string): string[] {
  const found: string[] = []
  const verified = outputOf(outputs, 'deploy', 'verified')
  if (verified !== 'true') found.push(`the gate's verdict is verified=${verified ?? '(none)'}`)
  if ((outputOf(outputs, 'deploy', 'vsa-digest') ?? '') === '') found.push('the gate attached no verification summary')
  const [builder, gate] = ['publish', 'deploy'].map((job) => outputOf(outputs, job, 'key-id'))
  if (!builder || !gate || builder === gate) found.push('the two jobs did not have an agent each')

  // act takes whatever `node` comes first and never compares it with `node24`.
  const started = existsSync(nodes) ? readFileSync(nodes, 'utf8').trimEnd().split('\n') : []
  const stubs = started.filter((line) => /\/dist\/[a-z-]+\/(index|post)\.js$/.test(line))
  const old = stubs.filter((line) => !line.startsWith('v24.'))
  if (stubs.length === 0) found.push('no action of dist/ was seen to start')
  if (old.length > 0) found.push(`not under Node 24: ${old.join(', ')}`)
  return found
}

/** Programs of `dist/` among the Node processes that were seen, and the versions they ran under. */
export function nodesSeen(nodes: string): { actions: number; versions: string[] } {
  const lines = readFileSync(nodes, 'utf8').trimEnd().split('\n')
  return {
    actions: lines.filter((line) => /\/dist\/[a-z-]+\/(index|post)\.js$/.test(line)).length,
    versions: [...new Set(lines.map((line) => line.split(' ')[0] ?? ''))],
  }
}
