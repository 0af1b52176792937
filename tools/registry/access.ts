import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { registryLogin as login } from '../../testkit/registry-login.ts'
import { answer, Refusal, type Call } from './call.ts'
import type { Quirks } from './quirks.ts'
import type { Route } from './route.ts'

const defaultLifeSeconds = 300
const service = 'sealwright-test'

/** Who may do what: Basic, and the token service of docker-registry (its specification "Token authentication"). */
export interface Access {
  /** @throws Refusal 401 with the challenge, where a request lacks the right */
  check(call: Call, route: Route): void
  /** Answers `GET` and `POST /token`. */
  serveToken(call: Pick<Call, 'request' | 'response' | 'url' | 'note'>): Promise<void>
}

/** @param realm URL of the token service, asked for when a challenge is written */
export function openAccess(quirks: Quirks, realm: () => string): Access {
  const takesTokens = quirks.has('token') || quirks.has('token-host') || quirks.has('two-challenges')
  const takesBasic = quirks.has('basic') || quirks.has('two-challenges')
  const tokens = new Map<string, { scopes: ReadonlySet<string>; until: number }>()
  const refresh = new Set<string>()

  const challenge = (scopes: readonly string[], error?: string): Refusal => {
    const bearer = [`realm="${realm()}"`, `service="${service}"`]
    if (scopes.length > 0) bearer.push(`scope="${scopes.join(' ')}"`)
    if (error !== undefined) bearer.push(`error="${error}"`)
    const offers = [
      ...(takesTokens ? [`Bearer ${bearer.join(',')}`] : []),
      ...(takesBasic ? ['Basic realm="sealwright-test"'] : []),
    ]
    return Object.assign(new Refusal(401, 'UNAUTHORIZED', 'authentication required'), {
      headers: { 'WWW-Authenticate': offers },
    })
  }

  return {
    check: ({ request, url }, route) => {
      if (!takesTokens && !takesBasic) return
      const scopes = scopesOf(request, url, route)
      const [scheme = '', value = ''] = (request.headers.authorization ?? '').split(' ')
      if (scheme === '') throw challenge(scopes)
      if (/^basic$/i.test(scheme) && takesBasic) {
        if (!isLogin(value)) throw challenge(scopes)
        return
      }
      const token = tokens.get(value)
      if (!/^bearer$/i.test(scheme) || token === undefined || token.until < performance.now())
        throw challenge(scopes, 'invalid_token')
      const lacks = scopes.flatMap((scope) => {
        const [kind, name, actions = ''] = scope.split(':')
        return actions.split(',').filter((action) => !token.scopes.has(`${kind}:${name}:${action}`))
      })
      if (lacks.length > 0) throw challenge(scopes, 'insufficient_scope')
    },

    serveToken: async ({ request, response, url, note }) => {
      note('token')
      const form = request.method === 'POST' ? new URLSearchParams(await textOf(request)) : url.searchParams
      const [scheme = '', value = ''] = (request.headers.authorization ?? '').split(' ')
      const isKnown =
        (/^basic$/i.test(scheme) && isLogin(value)) ||
        (form.get('grant_type') === 'password' &&
          form.get('username') === login.username &&
          form.get('password') === login.password) ||
        (form.get('grant_type') === 'refresh_token' && refresh.has(form.get('refresh_token') ?? ''))
      const asksToLogIn = scheme !== '' || form.has('grant_type')
      if (!isKnown && (asksToLogIn || !quirks.has('anonymous-pull'))) {
        const headers = { 'Content-Type': 'application/json', 'WWW-Authenticate': 'Basic realm="sealwright-test"' }
        return answer({ request, response }, 401, headers, '{"details":"incorrect username or password"}')
      }
      const life = quirks.value('token-life') ?? defaultLifeSeconds
      const token = randomUUID()
      const asked = form.getAll('scope').flatMap((text) => text.split(' '))
      const scopes = asked.flatMap((scope) => {
        const [kind, name, actions = ''] = scope.split(':')
        return actions.split(',').map((action) => `${kind}:${name}:${action}`)
      })
      tokens.set(token, {
        scopes: new Set(scopes.filter((scope) => isKnown || scope.endsWith(':pull'))),
        until: performance.now() + life * 1000,
      })
      const isOffline = isKnown && (form.get('offline_token') === 'true' || form.get('access_type') === 'offline')
      const again = isOffline ? randomUUID() : undefined
      if (again !== undefined) refresh.add(again)
      const body = { token, access_token: token, expires_in: life, refresh_token: again }
      answer({ request, response }, 200, { 'Content-Type': 'application/json' }, JSON.stringify(body))
    },
  }
}

/** The rights that a request needs, as docker-registry writes them. */
function scopesOf({ method }: IncomingMessage, url: URL, route: Route): string[] {
  if (!('repository' in route)) return route.kind === 'base' ? [] : ['registry:catalog:*']
  const from = url.searchParams.get('from')
  const actions = method === 'GET' || method === 'HEAD' ? 'pull' : method === 'DELETE' ? 'delete' : 'pull,push'
  return [`repository:${route.repository}:${actions}`, ...(from === null ? [] : [`repository:${from}:pull`])]
}

function isLogin(encoded: string): boolean {
  return Buffer.from(encoded, 'base64').toString('utf8') === `${login.username}:${login.password}`
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk
    if (text.length > 1 << 16) throw new Refusal(413, 'SIZE_INVALID', 'the form is too long')
  }
  return text
}
