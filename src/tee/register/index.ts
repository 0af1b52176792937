/** The runtime register: what the agent extends, how it is logged, replayed and judged. Hardware is written in `extend-*.ts`. */
export { defaultPcr, registerName, type RegisterName } from './names.ts'
export {
  agentStart,
  encodeRecord,
  journalHead,
  readAgentStart,
  readJournalHead,
  recordData,
  recordDigests,
  type AgentStart,
  type JournalHead,
} from './record.ts'
export { isOurs, replayRegister, uncovered, type RegisterReplay } from './replay.ts'
export { registerFindings, type RegisterAtReport } from './rule.ts'
export { parseRuntimeLog, type RuntimeEntry } from './runtime-log.ts'
export { openPcrRegister, type UseTpm } from './extend-pcr.ts'
export { openRtmr3 } from './extend-rtmr.ts'
