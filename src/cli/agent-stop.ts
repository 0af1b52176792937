import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ActionContext } from '../doors/context.ts'
import { agentFileName, readAgentFile } from '../agent/files.ts'
import { contact } from '../agent/spawn.ts'

/** Ends the agent of a state directory, whichever job it belongs to: that is how a left-over one is got rid of. */
export async function agentStop({
  state,
  ports,
}: ActionContext): Promise<{ outputs: Record<string, string>; text: string }> {
  const file = await readAgentFile(state.directory)
  const living = file === null ? null : await contact(file, ports)
  await living?.client.stop()
  // The machine's agent runs as another user: its note in this state is ours to remove.
  if (living !== null) await rm(join(state.directory, agentFileName), { force: true })
  const stopped = living !== null
  return {
    outputs: { stopped: String(stopped) },
    text: stopped ? 'agent stopped\n' : `no agent runs in ${state.directory}\n`,
  }
}
