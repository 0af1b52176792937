import type { RawInputs } from '../../doors/context.ts'
import { defaultMachineSocket } from '../../agent/machine/protocol.ts'
import { selfTest, type Claimed } from '../../agent/self-test/run.ts'
import { fileTree } from '../../agent/self-test/tree.ts'
import type { JsonObject } from '../../base/json.ts'

/** Says what of `agent-exclusive` and `storage: sealed` is true here, and why not. */
export async function runnerSelfTest(
  inputs: RawInputs,
): Promise<{ outputs: JsonObject; text: string; refused: boolean }> {
  const root = inputs.text('root') === '' ? '' : inputs.path('root')
  const result = await selfTest(fileTree(root), {
    jobUser: inputs.required('job-user'),
    agentUser: inputs.required('agent-user'),
    socket: inputs.text('agent-socket') || defaultMachineSocket,
    workerUser: inputs.required('worker-user'),
    workerSocket: inputs.required('worker-socket'),
    workerDirectory: inputs.required('worker-directory'),
    runner: inputs.required('runner'),
    storage: inputs.list('storage'),
    booted: root === '',
  })
  const { agentExclusive, storageSealed, ephemeral, buildSandbox, buildNetwork, checks } = result
  const lines = checks.flatMap(({ name, ok, later, why, remedy }) => [
    `${ok ? 'ok   ' : later ? 'later' : 'FAIL '} ${name.padEnd(18)} ${why}`,
    ...(remedy === '' ? [] : [`      ${''.padEnd(18)} ${remedy}`]),
  ])
  const yes = (holds: Claimed): string => (holds === 'later' ? holds : holds ? 'true' : 'FALSE')
  return {
    outputs: {
      'agent-exclusive': agentExclusive,
      'storage-sealed': storageSealed,
      ephemeral,
      'build-sandbox': buildSandbox,
      'build-network': buildNetwork,
      checks: checks.map((item) => ({ ...item })),
    },
    text: [
      ...lines,
      '',
      `agent-exclusive: ${yes(agentExclusive)}   storage sealed: ${yes(storageSealed)}   one job a machine: ${yes(ephemeral)}   build sandbox: ${yes(buildSandbox)}   network: default: ${yes(buildNetwork)}`,
      'This is a help for whoever makes the image. It proves nothing to others: the gate reads signed reference values.',
      '',
    ].join('\n'),
    // A runner without `network: default` breaks no claim: builds have no network unless they ask for it.
    refused: [agentExclusive, storageSealed, ephemeral, buildSandbox].includes(false),
  }
}
