import { VerificationError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { CommandResult } from '../command.ts'

/** Reasons that a bundle of another Sigstore instance than the trusted one gives. */
const rootReasons: readonly string[] = ['log-invalid', 'certificate-invalid', 'time-unproven']
const rootRemedy = 'The public Sigstore instance was assumed. For another instance give --trusted-root FILE.'

/**
 * What to do about a refusal.
 *
 * @param publicRoot the public Sigstore instance counts, because no trusted root was named
 * @returns null where nothing is known that helps
 */
export function remedyOf(
  { code, remedy }: Pick<VerificationError, 'code'> & { remedy?: string | undefined },
  publicRoot: boolean,
): string | null {
  const parts = [remedy, publicRoot && rootReasons.includes(code) ? rootRemedy : undefined]
  return parts.filter((part) => part !== undefined).join(' ') || null
}

/** A refusal as the result of a command: it is no error (INTERFACE §4). */
export function refusedBy(
  error: VerificationError,
  publicRoot: boolean,
  more: { outputs?: JsonObject; lines?: string } = {},
): CommandResult {
  const { code, message } = error
  const remedy = remedyOf(error, publicRoot)
  return {
    outputs: { verified: 'false', reason: code, message, remedy, ...more.outputs },
    text: `refused (${code}): ${message}\n${more.lines ?? ''}${remedy === null ? '' : `  ${remedy}\n`}`,
    refused: true,
  }
}

/** Runs what may refuse by the trusted root, and adds to a refusal where to look. @throws VerificationError as `run` does */
export async function explainRoot<T>(publicRoot: boolean, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    const remedy = remedyOf(error, publicRoot) ?? undefined
    throw new VerificationError(error.code, error.message, { subject: error.subject, cause: error, remedy })
  }
}
