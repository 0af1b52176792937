import type { Gate } from './candidate.ts'
import { guarded, skipped, type Need, type Outcome, type Step } from './step.ts'

/** Runs a step on a candidate; one that lacks what it reads is skipped, since an earlier one failed or accepted that. */
export async function runStep(step: Step, gate: Gate): Promise<Outcome> {
  const missing = step.needs.find((need) => !has(gate, need))
  if (missing !== undefined) return skipped(lack[missing])
  return guarded(() => step.run(gate))
}

const lack: Readonly<Record<Need, string>> = {
  image: 'the image could not be read',
  key: 'no key vouches for the image',
  evidence: 'there is no evidence',
  journal: 'the journal could not be replayed',
  tee: 'no report could be verified',
}

function has({ subject, key, evidence, found }: Gate, need: Need): boolean {
  switch (need) {
    case 'image':
      return subject.image !== null
    case 'key':
      return key !== null
    case 'evidence':
      return evidence !== null
    case 'journal':
      return found.journal !== null
    case 'tee':
      return found.tee !== null
  }
}
