/** The runtime register: what the agent extends, how it is logged, replayed and judged. Writing to hardware is `extend*.ts`'s. */
export { defaultPcr, registerName, type RegisterName } from './names.ts'
export {
  agentStart,
  encodeRecord,
  journalHead,
  readAgentStart,
  readJournalHead,
  recordData,
  recordDigests,
  registerDomain,
  type AgentStart,
  type JournalHead,
} from './record.ts'
export { replayRegister, type RegisterReplay } from './replay.ts'
export { registerFindings, type RegisterAtReport } from './rule.ts'
export { parseRuntimeLog, type RuntimeEntry } from './runtime-log.ts'
