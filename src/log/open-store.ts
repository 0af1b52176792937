import { resolve } from 'node:path'
import { InputError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { isLocalText, parseReference } from '../oci/reference.ts'
import { directoryFiles, openDirectoryStore } from './directory-store.ts'
import type { LogFiles, LogStore } from './files.ts'
import { httpFiles } from './http-files.ts'
import { openOciStore } from './oci-store.ts'

/** Where a log lies, as a user types it. */
export type LogPlace =
  { kind: 'directory'; directory: string } | { kind: 'oci'; text: string } | { kind: 'http'; url: string }

/**
 * Reads a place: `http://…` or `https://…` (served), `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]` or `HOST/NAME[:TAG]` (an OCI artifact), anything that begins with `/`, `./`
 * or `../`, or holds no slash: a directory.
 */
export function parseLogPlace(text: string, cwd: string): LogPlace {
  if (/^https?:\/\//.test(text)) return { kind: 'http', url: text }
  const isPath = /^\.{0,2}\//.test(text) || text === '.' || text === '..' || !text.includes('/')
  if (isPath && !isLocalText(text)) return { kind: 'directory', directory: resolve(cwd, text) }
  return { kind: 'oci', text }
}

/** A log for reading. @throws InputError `reference-invalid`, `input-invalid` */
export function openLogFiles(text: string, ports: Ports): LogFiles {
  const place = parseLogPlace(text, ports.roots.cwd)
  if (place.kind === 'http') return httpFiles(place.url, ports)
  return place.kind === 'directory' ? directoryFiles(place.directory) : openOci(place.text, ports)
}

/** A log for writing. @throws InputError `reference-invalid`, `unsupported` (a served log takes entries over HTTP) */
export function openLogStore(text: string, ports: Ports): LogStore {
  const place = parseLogPlace(text, ports.roots.cwd)
  if (place.kind === 'directory') return openDirectoryStore(place.directory, ports)
  if (place.kind === 'oci') return openOci(place.text, ports)
  throw new InputError('unsupported', `"${text}" is served by another process, which alone writes it`, {
    subject: text,
    remedy: 'Name the directory or artifact of the log, or send entries to the server: rekor:URL.',
  })
}

function openOci(text: string, ports: Ports): LogStore {
  const reference = parseReference(text, ports.roots.cwd)
  const { tag = 'latest', digest } = reference
  if (digest === undefined) return openOciStore({ ...reference, tag }, ports)
  throw new InputError('reference-invalid', `"${text}": a log is named by tag, since its digest changes`, {
    subject: text,
    remedy: 'Leave the digest out.',
  })
}
