import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { agentFileName } from '../../agent/files.ts'
import { InputError } from '../../base/errors.ts'
import { roles, type JournalEvent } from '../../journal/event.ts'
import type { ActionDoor, ActionReport } from '../../doors/context.ts'

/** Ends the agent at the end of the job, also after a failure, and says what it signed. */
export const door: ActionDoor = {
  name: 'setup-cvm-runner',
  run: async (_inputs, { state, ports }) => {
    try {
      const agent = await state.agent()
      if (agent === null) return { outputs: {}, report: report('No agent runs', [], []) }
      const { keyId, keys, warnings } = await agent.status()
      const signed = (await agent.journal()).filter((event) => event.kind === 'statement')
      await agent.stop()
      // The machine's agent runs as another user: its note in this job's state is ours to remove.
      await rm(join(state.directory, agentFileName), { force: true })
      const notes = [...(warnings ?? [])]
      if (keys.length > 0) notes.push(`These keys were never published and are lost now: ${keys.join(', ')}.`)
      for (const note of notes) ports.log.warn(note)
      return {
        outputs: {},
        report: report(`Agent ${keyId} ended; it signed ${signed.length} statements`, signed, notes),
      }
    } catch (error) {
      // One that is dead already has nothing left to stop; the job's own result stands.
      if (!(error instanceof InputError)) throw error
      ports.log.warn(error.message)
      return { outputs: {}, report: report('The agent had ended before', [], [error.message]) }
    }
  },
}

function report(headline: string, signed: readonly JournalEvent[], notes: string[]): ActionReport {
  const digest = (event: JournalEvent, side: 'inputs' | 'outputs', role: string): string =>
    event[side].find((artifact) => artifact.role === role)?.digest ?? ''
  return {
    headline,
    status: notes.length === 0 ? 'passed' : 'warning',
    subject: null,
    facts: [],
    tables:
      signed.length === 0
        ? []
        : [
            {
              title: 'Statements signed in this job',
              header: ['Predicate', 'Subject', 'Payload'],
              rows: signed.map((event) => [
                String(event.result['predicateType']),
                digest(event, 'inputs', roles.subject),
                digest(event, 'outputs', roles.payload),
              ]),
            },
          ],
    exceptions: [],
    commands: [],
    notes,
    details: {},
  }
}
