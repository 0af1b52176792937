import type { ActionContext } from '../actions/context.ts'
import { readAgentFile } from '../agent/files.ts'
import { contact } from '../agent/spawn.ts'

/** Ends the agent of a state directory, whichever job it belongs to: that is how a left-over one is got rid of. */
export async function agentStop({
  state,
  ports,
}: ActionContext): Promise<{ outputs: Record<string, string>; text: string }> {
  const file = await readAgentFile(state.directory)
  const living = file === null ? null : await contact(file, ports)
  await living?.client.stop()
  const stopped = living !== null
  return {
    outputs: { stopped: String(stopped) },
    text: stopped ? 'agent stopped\n' : `no agent runs in ${state.directory}\n`,
  }
}
