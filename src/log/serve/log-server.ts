import type { Ports } from '../../base/ports.ts'
import { checkpointFile, type LogFiles } from '../files.ts'
import { checkpointLimit } from '../open-log.ts'
import type { Recorder } from '../recorder.ts'
import { tlogEntry } from '../tlog-entry.ts'
import { requestedEntry, type TakenSigners } from './entries.ts'
import type { Answer, Reply } from './http.ts'

/** A full bundle of the longest entries. */
const tileLimit = 256 * 65_537
const tileForm = /^\/tile\/(?:entries|\d{1,2})\/(?:x\d{3}\/)*\d{3}(?:\.p\/\d{1,3})?$/

/**
 * Answers of a served log: its checkpoint and tiles (C2SP tlog-tiles, also below `/api/v2` as Rekor v2 has them), the files for its readers, and
 * entries of listed signers (`POST /api/v2/log/entries` of Rekor v2).
 *
 * @param taken whose signatures are taken
 */
export function logAnswers(
  files: LogFiles,
  recorder: Recorder,
  taken: TakenSigners,
  clock: Pick<Ports['clock'], 'now'>,
): Answer {
  const open = new Map([
    [`/${checkpointFile}`, 'text/plain; charset=utf-8'],
    ['/trusted_root.json', 'application/json'],
    ['/signing_config.json', 'application/json'],
    ['/log.vkey', 'text/plain; charset=utf-8'],
    ['/log.pub', 'text/plain; charset=utf-8'],
  ])
  const file = async (path: string): Promise<Reply | null> => {
    const type = tileForm.test(path) ? 'application/octet-stream' : open.get(path)
    if (type === undefined) return null
    const limit = type === 'application/octet-stream' ? tileLimit : checkpointLimit
    const body = await files.read(path.slice(1), limit)
    return body === null ? null : { status: 200, type, body }
  }
  return async (method, asked, body) => {
    if (method === 'GET' || method === 'HEAD') return file(asked.replace(/^\/api\/v2(?=\/)/, ''))
    if (method !== 'POST' || asked !== '/api/v2/log/entries') return null
    const recorded = await recorder.record(requestedEntry(body, taken, clock.now()))
    return { status: 201, type: 'application/json', body: JSON.stringify(tlogEntry(recorded)) }
  }
}
