import { constants, createReadStream } from 'node:fs'
import { access } from 'node:fs/promises'
import type { Caller } from '../../agent/caller.ts'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { ByteSource } from '../../base/streams.ts'
import { archiveName, diskName, engineName, treeName, type EngineRequest, type SubjectRequest } from './request.ts'

/** A worker sees no path of the job (TRUST §4): it asks the step for what it reads. */
export function forWorker(
  subject: SubjectRequest,
  engine: EngineRequest,
): { subject: SubjectRequest; engine: EngineRequest } {
  const pathless = 'exclude' in subject ? { ...subject, path: null, exclude: [] } : withoutPath(subject)
  return { subject: pathless, engine: { ...engine, program: null } }
}

function withoutPath(subject: SubjectRequest): SubjectRequest {
  return subject.kind === 'image' ? subject : { ...subject, path: null }
}

/** What the step reads for a worker, with its own rights. */
export function serveSubject(subject: SubjectRequest, engine: EngineRequest, ports: Ports): Caller['fetch'] {
  return async (name) => {
    if (name === engineName && engine.program !== null) return readable(engine.program)
    if (subject.kind !== 'image' && subject.path !== null) {
      if (subject.kind === 'archive' || subject.kind === 'disk') {
        if (name === (subject.kind === 'disk' ? diskName : archiveName)) return readable(subject.path)
      } else if (name === treeName) {
        const { openFolder } = await import('./tree/open.ts')
        const { packTree } = await import('../../sbom/subjects/tree/packed.ts')
        const { about, tree } = await openFolder({ ...subject, path: subject.path }, ports)
        return packTree(tree, about)
      }
    }
    throw new InputError('not-found', `nothing is served as "${name}"`, { subject: name })
  }
}

async function readable(path: string): Promise<ByteSource> {
  await access(path, constants.R_OK).catch((cause: unknown) => {
    throw new InputError('file-missing', `subject: "${path}" is not there, or cannot be read`, {
      subject: path,
      cause,
      remedy: 'Name a readable file.',
    })
  })
  return createReadStream(path, { highWaterMark: 1 << 20 })
}
