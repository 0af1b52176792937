import { hash } from 'node:crypto'
import { generate, type Made } from './generate.ts'
import { ourEntries, type Line } from './ours.ts'
import { buildGuestPeer, TarPeer } from './peer.ts'
import { emptyTally, type Tally } from './tally.ts'
import type { RunOptions } from './tar-go.ts'

/**
 * Versions of astral-tokio-tar: guest-components v0.12 to v0.15, v0.16 to v0.18, v0.19, v0.21 (of July 2026), and main of August 2026. Those before have
 * krata-tokio-tar 0.4.2, which the registry has withdrawn.
 */
const versions = ['0.5.1', '0.5.6', '0.6.0', '0.6.2', '0.6.4'] as const

const batch = 200
const refused = 'refused'

/** [name, type, mode, size, sha256, link, uid, gid, xattrs] */
type GuestLine = readonly [string, string, number, number, string, string, number, number, string]

/** Reads generated archives with us and with the readers of confidential guests, entry by entry. What we refuse, they are not asked. */
export async function runTarGuest(
  scratch: string,
  { seed, count, from = 0, tell }: RunOptions,
  make: (index: number) => Made = (index) => generate(seed, index, 1),
): Promise<Tally> {
  const tally = emptyTally('astral-tokio-tar', versions.join(', '), seed)
  const peers = versions.map((version) => new TarPeer(buildGuestPeer(scratch, version), []))
  try {
    for (let at = from; at < from + count; at += batch) {
      const made = Array.from({ length: Math.min(batch, from + count - at) }, (_, n) => make(at + n))
      const asked: { archive: Buffer; mine: Line[]; finding: (why: string) => void }[] = []
      for (const [n, { layers, features }] of made.entries()) {
        const archive = layers[0] ?? Buffer.alloc(0)
        const mine = await ourEntries(archive)
        tally.cases++
        if ('refused' in mine) tally.refused[mine.refused] = (tally.refused[mine.refused] ?? 0) + 1
        else {
          const finding = (why: string): void => void tally.findings.push({ index: at + n, features, why })
          asked.push({ archive, mine: mine.read, finding })
        }
      }
      const archives = asked.map(({ archive }) => archive)
      const answers = await Promise.all(peers.map((peer) => peer.ask(archives)))
      for (const [n, { mine, finding }] of asked.entries()) {
        const told = versions.map((version, v) => judged(mine, answers[v]?.[n] ?? '', version))
        for (const why of told) if (why !== null && why !== refused) finding(why)
        if (told.every((why) => why === refused)) tally.peerRefused++
        else if (told.every((why) => why === null || why === refused)) tally.alike++
      }
      tell?.(tally)
    }
  } finally {
    for (const peer of peers) peer.close()
  }
  return tally
}

/** {@link difference} of an answer, or that the guest refuses the archive. */
function judged(mine: readonly Line[], answer: string, version: string): string | null {
  const theirs: unknown = JSON.parse(answer)
  const why = Array.isArray(theirs) ? difference(mine, theirs as GuestLine[], version) : refused
  return why === null || why === refused ? why : `${version}: ${why}`
}

/**
 * What a guest has otherwise than we do; null where it is alike. Archives of honest writers are taken that guests read in these ways: a device is a
 * plain file, a sparse file lies packed in a folder of its own, attributes are those of files, those with line breaks are missed, and a
 * large owner in pax is missed (0.5.1) or given to what follows (0.5.6, 0.6.0).
 */
export function difference(ours: readonly Line[], theirs: readonly GuestLine[], version: string): string | null {
  // image-rs finds no file where a global header was, and ends.
  if (theirs.some(([, type]) => type === 'nothing')) return refused
  if (ours.length !== theirs.length) return `${ours.length} entries for us, ${theirs.length} for the guest`
  const large = new Set<number>()
  for (const [n, line] of ours.entries()) {
    const [mine, other] = [expected(line), theirs[n]]
    if (other === undefined) throw new Error('an entry is missing')
    const [name, type, mode, size, sum, link, uid, gid, xattrs] = other
    const isSparse = /(?:^|\/)GNUSparseFile\.\d+\/[^/]+$/.test(text(name))
    const owners: [number, number][] = [
      [mine[6], uid],
      [mine[7], gid],
    ]
    for (const [own] of owners) if (own >= 2 ** 18) large.add(own)
    const isOwner = ([own, its]: [number, number]): boolean =>
      own === its ||
      (version === '0.5.1' ? its === 0 && own >= 2 ** 18 : /^0\.(?:5\.6|6\.0)$/.test(version) && large.has(its))
    const isAlike =
      mode === mine[2] &&
      owners.every(isOwner) &&
      type === mine[1] &&
      isXattrs(mine[8], xattrs) &&
      (isSparse || (clean(name) === mine[0] && size === mine[3] && sum === mine[4] && linkOf(type, link) === mine[5]))
    if (!isAlike) return `ours ${JSON.stringify(mine)}\n      theirs ${JSON.stringify(other)}`
  }
  return null
}

function expected([name, type, mode, size, sum, link, uid, gid, , xattrs]: Line): GuestLine {
  if (type === 'char' || type === 'block' || type === 'fifo')
    return [text(name), 'file', mode, 0, hash('sha256', ''), '', uid, gid, xattrs]
  return [text(name), type, mode, size, sum, text(link), uid, gid, type === 'file' ? xattrs : '']
}

function isXattrs(ours: string, theirs: string): boolean {
  const all = ours.split(',')
  const found = theirs.split(',')
  return (
    found.every((one) => all.includes(one) || one === '') &&
    all.every((one) => found.includes(one) || one.includes('0a'))
  )
}

function linkOf(type: string, link: string): string {
  return type === 'hardlink' ? clean(link) : text(link)
}

function text(hex: string): string {
  return Buffer.from(hex, 'hex').toString('latin1')
}

/** The path that a name leads to: guests drop empty parts and dots. */
function clean(hex: string): string {
  const parts = text(hex)
    .split('/')
    .filter((part) => part !== '' && part !== '.')
  return parts.join('/') || '.'
}
