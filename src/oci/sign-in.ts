import type { Ports } from '../base/ports.ts'
import { basic, fetchToken, parseChallenge, unauthorized, type Challenge } from './auth.ts'
import { findCredential, type Credential } from './credentials.ts'
import { covers, merged } from './scopes.ts'

/** How one repository is signed in to: the credential is looked up when the registry first asks, tokens are kept by what they allow. */
export interface SignIn {
  /**
   * The value of `Authorization` for a request, or undefined where nothing is known yet. A token that ends soon is renewed before: a request that
   * cannot be sent again must not meet its end.
   *
   * @param lasting the request takes long and can be sent once only
   */
  authorization(scopes: readonly string[], lasting: boolean): Promise<string | undefined>
  /** Answers a 401 to a request that was sent with `used`. @throws TransportError `unauthorized`, `registry-error` */
  answer(challenge: string | null, scopes: readonly string[], used: string | undefined): Promise<void>
  /** The credential that was found; null where none was, or none was looked for. */
  credential(): Promise<Credential | null>
}

interface Held {
  readonly scopes: readonly string[]
  readonly value: string
  /** On the monotonic clock, in ms. */
  readonly renewAt: number
  readonly oldAt: number
}

/** A token is renewed this long before its end, or after three quarters of its life if that is later. */
const marginMs = 30_000

/** @param base the registry's origin as it is reached */
export function openSignIn(host: string, repository: string, base: () => URL, ports: Ports): SignIn {
  let credential: Promise<Credential | null> | null = null
  let renewed: Credential | null = null
  /** Basic, or a token that the registry itself takes: for all requests alike. */
  let fixed: string | undefined
  let bearer: (Challenge & { scheme: 'bearer' }) | null = null
  let held: readonly Held[] = []
  const underWay = new Map<string, Promise<void>>()
  const now = (): number => ports.clock.monotonic()

  const getToken = async (challenge: Challenge & { scheme: 'bearer' }, scopes: readonly string[]): Promise<void> => {
    const found = renewed ?? (await credential)
    const request = { challenge, scopes, credential: found, host, base: base() }
    const token = await fetchToken(request, ports)
    if (found?.kind === 'identity' && token.refresh !== null) {
      ports.log.mask(token.refresh)
      renewed = { ...found, token: token.refresh }
    }
    const { lifetimeMs, value } = token
    const margin = Math.min(marginMs, lifetimeMs / 4)
    const fresh = {
      scopes,
      value: `Bearer ${value}`,
      renewAt: now() + lifetimeMs - margin,
      oldAt: now() + lifetimeMs / 2,
    }
    held = [fresh, ...held.filter((old) => !covers(scopes, old.scopes) && old.renewAt > now())]
  }
  /** Several requests that need the same token get it once. */
  const oneToken = (challenge: Challenge & { scheme: 'bearer' }, scopes: readonly string[]): Promise<void> => {
    const name = scopes.join(' ')
    const running = underWay.get(name) ?? getToken(challenge, scopes).finally(() => underWay.delete(name))
    underWay.set(name, running)
    return running
  }
  const usable = (scopes: readonly string[], lasting: boolean): string | undefined =>
    held.find((token) => covers(token.scopes, scopes) && now() < (lasting ? token.oldAt : token.renewAt))?.value

  return {
    credential: async () => credential,
    authorization: async (scopes, lasting) => {
      if (fixed !== undefined || bearer === null) return fixed
      if (usable(scopes, lasting) === undefined) await oneToken(bearer, merged(scopes, bearer.scope))
      return usable(scopes, lasting)
    },
    answer: async (header, scopes, used) => {
      // Another request was signed in while this one was under way.
      const other = fixed ?? usable(scopes, false)
      if (other !== undefined && other !== used) return
      const found = await (credential ??= findCredential(host, repository, ports))
      const challenge = parseChallenge(header)
      if (challenge === null)
        throw unauthorized(host, found, `${host} refuses and names no known way to sign in`, ports)
      if (found?.kind === 'registry') fixed = `Bearer ${found.token}`
      else if (challenge.scheme === 'basic') {
        if (found?.kind !== 'basic') throw unauthorized(host, null, `${host} wants a name and password`, ports)
        fixed = basic(found)
      } else {
        held = held.filter(({ value }) => value !== used)
        bearer = { ...challenge, scope: unbound(challenge.scope) }
        await oneToken(challenge, merged(scopes, challenge.scope))
      }
    },
  }
}

/** Scopes that hold for every request, such as Gitea's `*`; those of a repository belong to the request that was refused. */
function unbound(scope: string | null): string | null {
  return (
    scope
      ?.split(' ')
      .filter((one) => !one.startsWith('repository'))
      .join(' ') ?? null
  )
}
