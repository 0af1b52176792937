import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

/** Most bytes of one area of memory that are read at a time. */
const pieceBytes = 4 << 20

/**
 * The byte strings that betray a secret: raw, as hex, as base64 wherever it begins inside a longer text (three alignments, also in the
 * alphabet of URLs, and base64 of that) and as a JSON array of numbers.
 *
 * @param secret at least 12 bytes, so that chance finds nothing
 */
export function secretForms(secret: Buffer): Map<string, Buffer> {
  if (secret.length < 12) throw new RangeError('a secret of less than 12 bytes is found by chance')
  const forms = new Map<string, Buffer>([
    ['raw', secret],
    ['hex', Buffer.from(secret.toString('hex'))],
    ['HEX', Buffer.from(secret.toString('hex').toUpperCase())],
    ['numbers', Buffer.from([...secret].join(','))],
  ])
  for (const once of base64Inside(secret)) {
    forms.set(`base64 ${forms.size}`, once)
    forms.set(`base64url ${forms.size}`, Buffer.from(once.toString().replaceAll('+', '-').replaceAll('/', '_')))
    // A key file or a document with a key in it, sent as base64.
    for (const twice of base64Inside(once)) forms.set(`base64 of base64 ${forms.size}`, twice)
  }
  return forms
}

/** What base64 of a longer text surely contains where the secret begins at each of the three alignments. */
function base64Inside(secret: Buffer): Buffer[] {
  return [0, 1, 2].map((shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), secret])
    // Characters that depend on neighbours are left out.
    return Buffer.from(whole.toString('base64').slice(shift === 0 ? 0 : 4, Math.floor(whole.length / 3) * 4))
  })
}

const known = new WeakMap<Buffer, Map<string, Buffer>>()

function formsOf(secret: Buffer): Map<string, Buffer> {
  const forms = known.get(secret) ?? secretForms(secret)
  known.set(secret, forms)
  return forms
}

/** Names of the secrets, and their forms, that stand in bytes: `NAME (FORM)`. */
export function secretsIn(bytes: Buffer, secrets: Readonly<Record<string, Buffer>>): string[] {
  const found: string[] = []
  for (const [name, secret] of Object.entries(secrets))
    for (const [form, wanted] of formsOf(secret)) if (bytes.includes(wanted)) found.push(`${name} (${form})`)
  return found
}

/** As {@link secretsIn}, over all writable memory of a process: what a core file of it would show. Linux, same user. */
export function secretsInMemory(pid: number, secrets: Readonly<Record<string, Buffer>>): string[] {
  const found = new Set<string>()
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  const longest = 4 * Math.max(...Object.values(secrets).map(({ length }) => length))
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? []
      if (from === '') continue
      const [start, end] = [parseInt(from, 16), parseInt(to, 16)]
      for (let at = start; at < end; at += pieceBytes) {
        const piece = Buffer.alloc(Math.min(pieceBytes + longest, end - at))
        const read = readPiece(memory, piece, at)
        for (const name of secretsIn(piece.subarray(0, read), secrets)) found.add(name)
      }
    }
  } finally {
    closeSync(memory)
  }
  return [...found].sort()
}

function readPiece(memory: number, piece: Buffer, at: number): number {
  try {
    return readSync(memory, piece, 0, piece.length, at)
  } catch (error) {
    // An area that was given back meanwhile, or that no process may read.
    if (error !== null && typeof error === 'object' && 'code' in error) return 0
    throw error
  }
}
