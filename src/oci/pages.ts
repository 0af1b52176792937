import type { HttpResponse } from '../base/ports.ts'
import { TransportError } from '../base/errors.ts'
import { nextPage } from './responses.ts'
import type { Session, SessionRequest } from './session.ts'

/** Some registries list 50 at a time: pages for as many entries as a listing may have. */
const mostPages = 20_000
/** Pages in a row that bring nothing new. A registry that filters what it lists page by page sends many that are empty. */
const mostIdle = 1000

/**
 * The pages of one list of a registry (`Link`, RFC 8288), each to be read before the next one is asked for.
 *
 * @param subject names the list in errors
 * @param known how many different entries were found so far
 * @throws TransportError `registry-error` for a list that leads in a circle, brings nothing new for 1000 pages, or has more than 20,000 pages
 */
export async function* pagesOf(
  session: Session,
  first: string,
  subject: string,
  request: SessionRequest,
  known: () => number,
): AsyncGenerator<HttpResponse> {
  const seen = new Set<string>()
  let target: string | URL | null = first
  let before = -1
  let idle = 0
  for (let page = 0; target !== null; page++) {
    if (seen.has(String(target))) throw endless(subject, `leads in a circle at page ${page + 1}`)
    if (page >= mostPages) throw endless(subject, `has more than ${mostPages} pages`)
    if (idle >= mostIdle) throw endless(subject, `brings nothing new for ${mostIdle} pages`)
    seen.add(String(target))
    const response: HttpResponse = await session.send(target, request)
    yield response
    idle = known() > before ? 0 : idle + 1
    before = known()
    target = nextPage(response, target, session)
  }
}

function endless(subject: string, why: string): TransportError {
  return new TransportError('registry-error', `${subject}: the listing ${why}`, {
    subject,
    remedy: "Ask the registry's operator: its `Link` headers must lead to an end.",
  })
}
