import { isLocalText } from '../../oci/reference.ts'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Ports } from '../../base/ports.ts'
import { findAttachedStatements } from '../../log/scitt/attach.ts'
import { resolveImage } from '../../oci/open.ts'
import type { Descriptor, Store } from '../../oci/types.ts'
import { envelopePayload } from '../../sign/dsse.ts'
import { findStatements } from '../../sign/find.ts'
import { requireImageName } from '../file-or-image.ts'
import { namedFile } from '../option-file.ts'

/** A statement with where it comes from. */
export interface NamedStatement {
  /** Path, or digest of the manifest. */
  readonly name: string
  readonly bytes: Buffer
  readonly receipts: readonly Buffer[]
  /** The manifest that holds it; null for a file. */
  readonly manifest: Descriptor | null
}

export interface StatementSource {
  readonly statements: readonly NamedStatement[]
  /** The store of an image; null for a file. */
  readonly store: Store | null
  /** Contents that hash envelopes may digest: the in-toto statements of an image. */
  readonly contents: readonly Buffer[]
  readonly notes: readonly string[]
}

/** The statements that a file or an image holds. A file wins where both could be meant. */
export async function statementsOf(text: string, ports: Ports): Promise<StatementSource> {
  const path = resolve(ports.roots.cwd, text)
  if (existsSync(path) && !isLocalText(text)) {
    const bytes = await namedFile(path, 'statement')
    return { statements: [{ name: text, bytes, receipts: [], manifest: null }], store: null, contents: [], notes: [] }
  }
  requireImageName(text, ports.roots.cwd)
  const { store, descriptor } = await resolveImage(text, ports)
  const notes: string[] = []
  const attached = await findAttachedStatements(store, descriptor, ({ manifest, error }) => {
    const why = error.code === 'not-checked' ? error.message : 'it does not hold a statement or receipt'
    notes.push(`ignored ${manifest}: ${why}`)
  })
  const bundles = await findStatements(store, descriptor, { onBroken: () => {} })
  return {
    statements: attached.map(({ manifest, bytes, receipts }) => ({ name: manifest.digest, manifest, bytes, receipts })),
    store,
    contents: bundles.map(({ envelope }) => envelopePayload(envelope)),
    notes,
  }
}
