import { sha256 } from '../../src/base/streams.ts'
import { mediaTypes, type Digest, type Store } from '../../src/oci/types.ts'
import { fakeServer, hastyPorts, storeOf, type Handler } from './helpers.ts'

const subject = sha256('image') as Digest

/** What a page holds and where it leads; pages count from 0. */
type Page = (page: number) => { readonly new: boolean; readonly next: string | null }

/** Reads a list whose pages a registry makes up; tells how it ended and how many pages were asked for. */
async function read(
  path: 'tags/list' | `referrers/${Digest}`,
  page: Page,
  by: (store: Store) => Promise<readonly unknown[]>,
): Promise<{ pages: number; found?: number; code?: unknown; message?: string }> {
  let pages = 0
  const handler: Handler = (_request, response, url) => {
    if (!url.startsWith(`/v2/a/${path}`)) return response.writeHead(404).end()
    pages++
    const at = Number(/page=(\d+)/.exec(url)?.[1] ?? 0)
    const made = page(at)
    const name = made.new ? String(at) : '0'
    const entry = { mediaType: mediaTypes.manifest, digest: sha256(name), size: 1 }
    if (made.next !== null) response.setHeader('link', `<${made.next}>; rel="next"`)
    response.setHeader('content-type', path === 'tags/list' ? 'application/json' : mediaTypes.index)
    return response.end(JSON.stringify({ tags: [name], schemaVersion: 2, manifests: [entry] }))
  }
  const server = await fakeServer(handler)
  try {
    const result = await by(storeOf(`${server.host}/a`, hastyPorts())).then(
      (found) => ({ found: found.length }),
      ({ code, message }: { code?: unknown; message: string }) => ({ code, message }),
    )
    return { ...result, pages }
  } finally {
    await server.close()
  }
}

const lists = [
  ['tags', 'tags/list', (store: Store) => store.tags()],
  ['referrers', `referrers/${subject}`, (store: Store) => store.referrers(subject)],
] as const

describe.each(lists)('pages of %s', (_name, path, by) => {
  test.each<[string, Page, RegExp, number]>([
    ['that lead to themselves', (at) => ({ new: true, next: `?page=${at}` }), /circle|as its next page/, 2],
    ['in a circle of three', (at) => ({ new: true, next: `?page=${(at + 1) % 3}` }), /leads in a circle at page 5/, 4],
    [
      'that never end and repeat',
      (at) => ({ new: false, next: `?page=${at + 1}` }),
      /nothing new for 1000 pages/,
      1001,
    ],
    ['at another host', () => ({ new: true, next: 'http://127.0.0.1:1/v2/a/x' }), /as its next page/, 1],
    ['at a file', () => ({ new: true, next: 'file:///etc/passwd' }), /as its next page/, 1],
  ])('%s are refused by name', async (_what, page, message, most) => {
    const ended = await read(path, page, by)
    expect(ended).toMatchObject({ code: 'registry-error', message: expect.stringMatching(message) })
    expect(ended.message).toMatch(/127\.0\.0\.1:\d+/)
    expect(ended.pages).toBeLessThanOrEqual(most)
  })

  test('are read to the end where there are many', async () => {
    const ended = await read(path, (at) => ({ new: true, next: at < 40 ? `?page=${at + 1}` : null }), by)
    expect(ended).toMatchObject({ pages: 41 })
    expect(ended.code).toBeUndefined()
  })
})

test('a list of tags that is only a few names longer on each page is read to its end', async () => {
  const page: Page = (at) => ({ new: at % 10 === 0, next: at < 50 ? `?page=${at + 1}` : null })
  expect(await read('tags/list', page, (store) => store.tags())).toEqual({ pages: 51, found: 6 })
})
