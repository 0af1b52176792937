import { InputError } from '../base/errors.ts'

/**
 * How long an entry of a fallback index has to stand before it counts as attached, in milliseconds. A registry without conditional writes lets a
 * writer who read the index before our write replace it after ours; he has done so once his way from reading to writing is over. That way is
 * one GET and one PUT. With twenty writers on an overloaded machine it took up to 1.1 s: another writer is as slow as we are, so four times our own
 * longest way is waited where that is longer than the least.
 */
export const quiet = { leastMs: 500, mostMs: 30_000, ownWays: 4 } as const

/** Environment variable that sets the quiet time in milliseconds, for writers that are slower than we are. */
export const quietTimeVariable = 'SEALWRIGHT_QUIET_TIME_MS'

/** @param ownWayMs the longest way from reading an index to having written it @throws InputError `input-invalid` */
export function quietTimeMs(env: Readonly<Record<string, string | undefined>>, ownWayMs: number): number {
  const given = env[quietTimeVariable] ?? ''
  if (given === '') return Math.min(quiet.mostMs, Math.max(quiet.leastMs, ownWayMs * quiet.ownWays))
  if (/^[0-9]{1,6}$/.test(given)) return Number(given)
  throw new InputError('input-invalid', `${quietTimeVariable}: "${given}" is not a number of milliseconds`, {
    subject: quietTimeVariable,
    remedy: `Set \`${quietTimeVariable}\` to a whole number, such as 5000, or unset it.`,
  })
}

/** The longest way from reading a tag or an index to having written it, as far as one process has gone it. */
export interface Ways {
  /** @param ms what one way took */
  took(ms: number): void
  quietMs(): number
}

export function openWays(env: Readonly<Record<string, string | undefined>>): Ways {
  let longest = 0
  return {
    took: (ms) => {
      longest = Math.max(longest, ms)
    },
    quietMs: () => quietTimeMs(env, longest),
  }
}
