import { basename, resolve } from 'node:path'
import { InputError, InternalError } from '../../base/errors.ts'
import { collect } from '../../base/streams.ts'
import { formatFacts, type SbomFormat } from '../../sbom/formats/names.ts'
import type { TaskContext } from '../context.ts'
import { inventoryFile } from '../sbom/documents.ts'
import { folderKinds, type SubjectRequest } from '../sbom/request.ts'
import { sbom } from '../sbom/task.ts'

/** What is described anew for a comparison, as the user names it: `directory:PATH`, `disk:FILE`, `oci-archive:FILE`. */
export type NamedSubject = Exclude<SubjectRequest, { kind: 'image' }>

/** Largest document that is kept. */
const limit = 1 << 30

/**
 * Reads `directory:PATH`, `source:PATH`, `model:PATH`, `dataset:PATH`, `disk:FILE[#PARTITION]`, `oci-archive:FILE[:NAME]` or
 * `docker-archive:FILE[:NAME]`; null for another text.
 *
 * @param cwd folder that paths are relative to
 * @param platform of an archive's index, or ''
 */
export function namedSubject(text: string, cwd: string, platform: string): NamedSubject | null {
  const [, word = '', rest = ''] = /^([a-z-]+):(.*)$/s.exec(text) ?? []
  const folder = folderKinds.find((name) => name === word)
  const form = word === 'oci-archive' ? 'oci' : word === 'docker-archive' ? 'docker' : null
  if (folder === undefined && form === null && word !== 'disk') return null
  if (rest === '') {
    throw new InputError('input-invalid', `"${text}" names no ${folder === undefined ? 'file' : 'folder'}`, {
      subject: text,
      remedy: `Write ${word}:PATH with the path of a ${folder === undefined ? 'file' : 'folder'}.`,
    })
  }
  if (folder !== undefined) return { kind: folder, ...placeOf(rest, cwd, folder), exclude: [] }
  if (form !== null) {
    const [file = '', ...name] = rest.split(':')
    const wanted = name.length === 0 ? null : name.join(':')
    return { kind: 'archive', form, ...placeOf(file, cwd, word), wanted, platform: platform === '' ? null : platform }
  }
  const [, file = '', number] = /^(.*?)(?:#(\d{1,3}))?$/s.exec(rest) ?? []
  return { kind: 'disk', ...placeOf(file, cwd, word), partition: number === undefined ? null : Number(number) }
}

function placeOf(path: string, cwd: string, otherwise: string): { name: string; path: string } {
  return { name: basename(path) || otherwise, path: resolve(cwd, path) }
}

/** Describes something anew, as the action `sbom` does: its document in one format, and its file inventory. */
export async function subjectDocuments(
  subject: NamedSubject,
  format: SbomFormat,
  context: TaskContext,
): Promise<{ document: Buffer; inventory: Buffer }> {
  const found = new Map<string, Buffer>()
  const caller: TaskContext['caller'] = {
    ...context.caller,
    deliver: async (name, bytes) => void found.set(name, await collect(bytes, limit, name)),
  }
  await sbom.run(
    {
      subject,
      describe: { formats: [format], epoch: null, author: null, supplier: null, incomplete: 'warn' },
      keys: { decryptionKey: false, kbs: null },
      engine: { name: 'builtin', program: null },
    },
    { ...context, caller },
  )
  const [document, inventory] = [found.get(formatFacts[format].file), found.get(inventoryFile)]
  if (document === undefined || inventory === undefined) throw new InternalError('the description gave no document')
  return { document, inventory }
}
