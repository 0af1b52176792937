import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TufSource } from '../../../src/sign/tuf/client.ts'
import { readTufTarget } from '../../../src/sign/tuf/client.ts'
import { fakeHttp, scratch, testPorts } from '../../../testkit/ports.ts'
import { tufServer, TufWriter } from '../../../testkit/sigstore/tuf.ts'

export const url = 'https://tuf.test/repo'
export const at = new Date('2026-11-30T12:00:00Z')
export const name = 'trusted_root.json'
export const content = (text: string): Buffer => Buffer.from(`{"content":${JSON.stringify(text)}}`)

/** A repository with one release, a client with a cache, and what the client asks for. */
export function world({ cache = scratch('tuf-cache') }: { cache?: string | null } = {}) {
  const writer = new TufWriter()
  const root = writer.publishRoot()
  writer.publish({ targets: { [name]: content('one') } })
  const files = new Map<string, Buffer | (() => Response)>()
  const server = tufServer(url, files)
  /** Serves what the writer has written by now. */
  const sync = (): void => writer.files.forEach((bytes, path) => files.set(path, bytes))
  sync()
  const get = (more: Partial<TufSource> = {}, now = at): Promise<string> =>
    readTufTarget(
      { url, root, target: name, cache, offline: false, ...more },
      testPorts({
        http: fakeHttp(server.request),
        clock: { now: () => now, monotonic: () => 0, sleep: () => Promise.resolve() },
      }),
    ).then((bytes) => bytes.toString())
  return { writer, root, files, sync, get, asked: server.asked, cache }
}

/** What the one file of a cache holds, and a way to change it. */
export function cacheFile(folder: string | null): { path: string; text: string; write: (text: string) => void } {
  const [only] = readdirSync(folder ?? '')
  const path = join(folder ?? '', only ?? '')
  return { path, text: readFileSync(path, 'utf8'), write: (text) => writeFileSync(path, text) }
}
