import { VerificationError } from '../../base/errors.ts'
import type { Plan } from '../../kbs/plan-schema.ts'
import type { VerifierToken } from '../../kbs/tokens/token.ts'
import { planFile, type FileContext } from './plan-files.ts'

/** Largest token and largest key file, in bytes. */
const limits = { token: 64 << 10, keys: 1 << 20 } as const
/** Age in seconds at which a token without an end no longer counts. */
const mostAge = 3600

/**
 * Checks the second opinions that a plan makes a condition: nothing is written unless each token, by a pinned key of its verifier, affirms a machine with a launch
 * measurement that the plan admits, whose memory no debugger reads.
 *
 * @returns a line for each token, and the refusal of the first that is no such opinion (`token-invalid`, `token-expired`, `denied`): what was revoked
 *   leaves the KBS before it is thrown
 * @throws InputError `file-missing`, `file-invalid`
 */
export async function checkOpinions(
  plan: Plan,
  context: FileContext,
): Promise<{ notes: string[]; refusal: VerificationError | null }> {
  if (plan['second-opinions'].length === 0) return { notes: [], refusal: null }
  try {
    return { notes: await notesOf(plan, context), refusal: null }
  } catch (error) {
    if (error instanceof VerificationError) return { notes: [], refusal: error }
    throw error
  }
}

async function notesOf(plan: Plan, context: FileContext): Promise<string[]> {
  const [{ readTokenKeys }, { readVerifierToken }] = await Promise.all([
    import('../../kbs/tokens/keys.ts'),
    import('../../kbs/tokens/token.ts'),
  ])
  const notes: string[] = []
  for (const { token: file, keys, issuer, audience } of plan['second-opinions']) {
    const token = await readVerifierToken((await planFile(context, file, limits.token)).toString('latin1').trim(), {
      keys: readTokenKeys(await planFile(context, keys, limits.keys), keys),
      issuer: issuer ?? null,
      audience: audience ?? null,
      nonce: null,
      reportData: null,
      at: context.ports.clock.now(),
      maxAge: mostAge,
    })
    const problem = problemOf(token, plan)
    if (problem !== null)
      throw new VerificationError('denied', `${file}: ${problem}`, {
        subject: file,
        remedy: 'Ask that verifier about the machine that the plan admits, or take the entry out of `second-opinions`.',
      })
    const until = new Date(token.expires * 1000).toISOString()
    notes.push(`${file}: ${token.verifier} affirms ${token.technology} ${token.measurement}, until ${until}.`)
  }
  return notes
}

function problemOf(
  { verifier, status, words, debug, technology, measurement }: VerifierToken,
  plan: Plan,
): string | null {
  if (status !== 'affirming') return `${verifier} says "${status}" of the machine (${words}), not affirming`
  if (debug !== false)
    return `${verifier} ${debug === true ? 'says that a debugger may read' : 'does not say that no debugger reads'} the memory of the machine`
  if (technology === null || measurement === null) return `the token of ${verifier} names no launch measurement`
  const admitted = [...plan.resources, ...(plan['image-policy'] === undefined ? [] : [plan['image-policy']])]
    .flatMap(({ admit }) => admit)
    .filter((one) => one.technology === technology)
    .flatMap(({ measurements }) => measurements)
  if (admitted.includes(measurement)) return null
  const list = admitted.length === 0 ? 'nothing' : [...new Set(admitted)].join(', ')
  return `${verifier} affirms ${technology} with the measurement ${measurement}; the plan admits ${list} of ${technology}`
}
