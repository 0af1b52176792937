import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { VerificationError } from '../../../base/errors.ts'
import { readPlainFile, replaceFile } from '../../../base/files.ts'
import { sign1Tag } from '../../../sign/cose/labels.ts'
import { mostEntryBytes } from '../../entry-bundle.ts'
import type { ScittService } from '../../scitt/services.ts'
import { statementLimit } from '../../scitt/statement.ts'

/** What a log holds as the entry of a statement, and how the statement is found again. Statements have an empty unprotected header here. */
export interface KeptStatements {
  readonly entry: ScittService['entry']
  /** Largest statement that can be kept, in bytes. */
  readonly limit: number
  /** The entry of a statement. */
  entryOf(statement: Buffer): Buffer
  /** Keeps a statement before its entry is in the log. */
  keep(statement: Buffer): Promise<void>
  /** The statement of an entry; null for an entry of another kind. */
  read(entry: Buffer): Promise<Buffer | null>
}

/** The log holds whole statements: whoever reads the log has them all, but none is larger than an entry (65,535 bytes). */
export function statementsAsEntries(): KeptStatements {
  return {
    entry: 'statement',
    limit: mostEntryBytes,
    entryOf: (statement) => statement,
    keep: () => Promise.resolve(),
    // CBOR tag 18 in its shortest form; entries of other kinds are JSON.
    read: (entry) => Promise.resolve(entry[0] === 0xc0 + sign1Tag ? entry : null),
  }
}

/**
 * The log holds the SHA-256 of each statement, 32 bytes; statements lie in a directory under their hex digest. Readers of the log learn nothing but
 * the digest, and statements may have up to 1 MiB.
 *
 * @param directory absolute
 */
export function statementsByDigest(directory: string): KeptStatements {
  const digestOf = (statement: Buffer): Buffer => createHash('sha256').update(statement).digest()
  const pathOf = (digest: Buffer): string => join(directory, `${digest.toString('hex')}.scitt`)
  return {
    entry: 'statement-sha256',
    limit: statementLimit,
    entryOf: digestOf,
    keep: async (statement) => {
      await mkdir(directory, { recursive: true })
      await replaceFile(pathOf(digestOf(statement)), statement, { mode: 0o644 })
    },
    read: async (entry) => {
      if (entry.length !== 32) return null
      const statement = await readPlainFile(pathOf(entry), statementLimit)
      if (statement === null || digestOf(statement).equals(entry)) return statement
      throw new VerificationError('digest-mismatch', `${pathOf(entry)} was changed`, { subject: pathOf(entry) })
    },
  }
}
