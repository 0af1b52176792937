import { availableParallelism } from 'node:os'
import { askDcapQvl } from './peers/dcap-qvl.ts'
import { askGoSevGuest, askGoTdxGuest } from './peers/go.ts'
import { inParallel } from './peers/process.ts'
import type { Peers } from './find-peers.ts'
import type { Answer, Case, Result } from './types.ts'

/** Asks us and the peers. The Go programs run once for each question, the Python one answers all in one go. */
export async function runCases(cases: readonly Case[], peers: Peers): Promise<Result[]> {
  const answers = new Map<Case, Answer>()
  const questions = cases.flatMap((one) => (one.theirs.kind === 'qvl' ? [{ one, question: one.theirs }] : []))
  const all = askDcapQvl(
    peers['dcap-qvl'].program,
    questions.map(({ question }) => question),
  )
  const single = inParallel(cases, availableParallelism(), async (one) => {
    const { theirs } = one
    if (theirs.kind === 'snp') answers.set(one, await askGoSevGuest(peers['go-sev-guest'].program, theirs))
    if (theirs.kind === 'tdx') answers.set(one, await askGoTdxGuest(peers['go-tdx-guest'].program, theirs))
  })
  await single
  for (const [index, answer] of (await all).entries()) {
    const question = questions[index]
    if (question !== undefined) answers.set(question.one, answer)
  }
  return cases.map((one) => {
    const theirs = answers.get(one)
    if (theirs === undefined) throw new Error(`no answer of ${one.peer} to ${one.what}`)
    return { case: one, ours: one.ours(), theirs }
  })
}
