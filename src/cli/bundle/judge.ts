import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { VerificationError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { artifactOf, digestArtifact, type Artifact } from '../../bundle/artifact.ts'
import { identityText } from '../../bundle/identity.ts'
import { readBundle } from '../../bundle/read.ts'
import { verifyBundle, type BundleRules, type VerifiedBundle } from '../../bundle/verify.ts'
import type { CommandResult } from '../command.ts'
import { missingFile, namedFile } from '../option-file.ts'
import { refusedBy } from './refusal.ts'

/** Larger files are hashed as they are read, and not kept. */
const keptBytes = 64 << 20

/** The artifact that a file holds. @throws InputError `file-missing` */
export async function artifactAt(path: string, name: string): Promise<Artifact> {
  const info = await stat(path).catch((cause: unknown) => {
    throw missingFile(path, name, cause)
  })
  if (info.size <= keptBytes) return artifactOf(await namedFile(path, name), path)
  return digestArtifact(createReadStream(path), path)
}

/**
 * Judges a bundle; a refusal is a result, not an error (INTERFACE §4).
 *
 * @param publicRoot the public Sigstore instance counts, because no trusted root was named
 */
export function judge(bundle: Uint8Array, artifact: Artifact, rules: BundleRules, publicRoot: boolean): CommandResult {
  try {
    const verified = verifyBundle(readBundle(bundle), artifact, rules)
    return { outputs: outputsOf(verified), text: textOf(artifact, verified) }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return refusedBy(error, publicRoot)
  }
}

/** What a verified bundle proves, as outputs. */
export function outputsOf({ signer, statement, times, entries, notes }: VerifiedBundle): JsonObject {
  const who: JsonObject =
    signer.kind === 'key'
      ? { signer: 'key', key: signer.hint }
      : {
          signer: 'certificate',
          identity: signer.identity.san.value,
          issuer: signer.identity.issuer,
          authority: signer.authority,
          claims: { ...signer.identity.claims },
        }
  return {
    verified: 'true',
    ...who,
    'predicate-type': statement?.predicateType ?? null,
    times: times.map(({ time, by }) => ({ time: time.toISOString(), by })),
    'log-entries': entries.map(({ log, index, kind, proof }) => ({
      log: log.baseUrl,
      index: String(index),
      kind,
      proof,
    })),
    notes: [...notes],
  }
}

function textOf(artifact: Artifact, { signer, statement, times, entries, notes }: VerifiedBundle): string {
  const who = signer.kind === 'key' ? `the public key ${signer.hint}` : identityText(signer.identity)
  return [
    `verified: ${artifact.name} is signed by ${who}`,
    ...(statement === null ? [] : [`  statement: ${statement.predicateType}`]),
    ...times.map(({ time, by }) => `  time: ${time.toISOString()}, by ${by}`),
    ...entries.map(({ log, index }) => `  log: entry ${index} of ${log.baseUrl}`),
    ...notes.map((note) => `  note: ${note}`),
    '',
  ].join('\n')
}
