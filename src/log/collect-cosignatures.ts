import { TransportError, VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { collect } from '../base/streams.ts'
import { parseSignedNote } from '../sign/signed-note.ts'
import { answeredBadly } from './answered.ts'
import type { LogFiles } from './files.ts'
import { checkpointLimit, tileReader, type SignedHead } from './open-log.ts'
import { consistencyProof } from './read-tree.ts'
import { formatAddCheckpoint, isCosigned, withLines, type OtherSize } from './witness.ts'

const timeoutMs = 20_000

/** Asks a witness for its cosignature, here or over HTTP. @returns a signature line, or the size that it knows */
export type AskWitness = (body: Buffer) => Promise<string | OtherSize>

/**
 * Asks one witness to cosign a checkpoint. It is told what it missed by a proof from the log's own tiles.
 *
 * @returns signature lines
 * @throws VerificationError `log-broken` where the witness saw another history or a larger log
 */
export async function cosignatureOf(files: LogFiles, head: SignedHead, ask: AskWitness): Promise<string> {
  let old = 0
  // The first answer tells what the witness knows; another process may have asked in between.
  for (let attempt = 0; attempt < 4; attempt++) {
    const proof = await consistencyProof(old, head.size, tileReader(files))
    const answer = await ask(formatAddCheckpoint({ old, proof, note: head.note }))
    if (isCosigned(answer)) return answer
    if (answer.known > head.size) {
      throw new VerificationError(
        'rolled-back',
        `a witness saw ${answer.known} entries in ${files.name}, now it has ${head.size}`,
        {
          subject: files.name,
          remedy: 'Restore the log from the copy with the most entries.',
        },
      )
    }
    old = answer.known
  }
  throw new TransportError('log-error', `a witness of ${files.name} changes its mind about what it saw`, {
    subject: files.name,
    remedy: 'Try again.',
  })
}

/** A witness that is served (C2SP tlog-witness). @param url its prefix; `/add-checkpoint` is put behind it */
export function askOver(url: string, ports: Ports): AskWitness {
  const address = `${url.replace(/\/$/, '')}/add-checkpoint`
  return async (body) => {
    const response = await ports.http.request(address, { method: 'POST', body, redirect: 'manual', timeoutMs })
    const parts = response.body === null ? [] : response.body
    const text = (await collect(parts, checkpointLimit, address)).toString('utf8')
    if (response.status === 200) return cosignatureLines(text, address)
    const known = response.status === 409 ? /^(0|[1-9]\d{0,14})\n$/.exec(text)?.[1] : undefined
    if (known !== undefined) return { known: Number(known) }
    if (response.status === 422 || response.status === 409) {
      throw new VerificationError('log-broken', `the witness ${url} saw another history of this log`, {
        subject: url,
        remedy: 'Keep both checkpoints as evidence, and ask the operator of the log.',
      })
    }
    const unknown = 'Check that the witness watches this log with this key.'
    throw answeredBadly('the witness', url, response.status, '', unknown)
  }
}

/** What a witness sent must be signature lines and nothing else. */
function cosignatureLines(text: string, subject: string): string {
  parseSignedNote(Buffer.from(`x\n\n${text}`), subject)
  return text
}

/** A checkpoint with the cosignatures of all witnesses that were asked; one that fails stops the whole. */
export async function collectCosignatures(
  files: LogFiles,
  head: SignedHead,
  witnesses: readonly AskWitness[],
): Promise<SignedHead> {
  const lines = await Promise.all(witnesses.map((ask) => cosignatureOf(files, head, ask)))
  return { ...head, note: withLines(head, lines) }
}
