import { relative } from 'node:path'
import { VerificationError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { artifactOfSubject, type Artifact } from '../../bundle/artifact.ts'
import { verifyByAuthority } from '../../bundle/own-authority.ts'
import { readBundle, type SealedBundle } from '../../bundle/read.ts'
import { verifyBundle, type BundleRules } from '../../bundle/verify.ts'
import type { Certificate } from '../../encoding/x509/certificate.ts'
import { omsPredicateType } from '../../sbom/subjects/model/oms.ts'
import { compareModel, requireEqualModel } from '../../sbom/subjects/model/oms-compare.ts'
import { readSignedModel } from '../../sbom/subjects/model/oms-read.ts'
import { readModelFolder } from '../../sbom/subjects/model/walk.ts'
import { envelopePayload } from '../../sign/dsse.ts'
import { parseStatement } from '../../statement/statement.ts'
import type { Statement } from '../../statement/types.ts'
import type { CommandResult } from '../command.ts'
import { outputsOf } from './judge.ts'
import { refusedBy } from './refusal.ts'

/** Whose signature counts: a key or an identity, or any certificate of an own authority. */
export type ModelRules =
  | { kind: 'bundle'; rules: Omit<BundleRules, 'predicateTypes'>; publicRoot: boolean }
  | { kind: 'authority'; chain: readonly Certificate[]; now: Date }

export interface ModelRequest {
  /** Absolute. */
  folder: string
  /** Absolute; the file is no part of the model where it lies in it. */
  bundlePath: string
  bundle: Uint8Array
  proc: string
}

/** Judges the signature of a model (OpenSSF Model Signing) and compares every file of its folder. */
export async function judgeModel(request: ModelRequest, rules: ModelRules): Promise<CommandResult> {
  const { folder, bundlePath, proc } = request
  try {
    const sealed = readBundle(request.bundle)
    const { statement, outputs, who } = verifiedBy(sealed, rules)
    const signed = readSignedModel(statement)
    const own = relative(folder, bundlePath)
    const found = await readModelFolder(folder, [...signed.ignored, own], proc)
    requireEqualModel(compareModel(signed, found))
    const unsigned = found.ignored.filter((path) => path !== own)
    const notes = unsigned.length === 0 ? [] : [`not signed, because the signer ignored it: ${unsigned.join(', ')}`]
    return {
      outputs: { ...outputs, files: signed.files.size, notes },
      text: `verified: ${folder} is signed by ${who}: ${signed.files.size} files\n${notes.map((note) => `  note: ${note}\n`).join('')}`,
    }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return refusedBy(error, rules.kind === 'bundle' && rules.publicRoot)
  }
}

function verifiedBy(
  sealed: SealedBundle,
  rules: ModelRules,
): { statement: Statement; outputs: JsonObject; who: string } {
  const artifact = artifactIn(sealed)
  const predicateTypes = [omsPredicateType]
  if (rules.kind === 'bundle') {
    const verified = verifyBundle(sealed, artifact, { ...rules.rules, predicateTypes })
    const { signer } = verified
    const who = signer.kind === 'key' ? `the public key ${signer.hint}` : signer.identity.san.value
    return { statement: required(verified.statement), outputs: outputsOf(verified), who }
  }
  const { statement, path } = verifyByAuthority(sealed, artifact, { ...rules, predicateTypes })
  const [name = '', authority = ''] = [path[0], path.at(-1)].map((certificate) => certificate?.subjectName ?? '')
  const outputs = {
    verified: 'true',
    signer: 'certificate',
    certificate: name,
    authority,
    'predicate-type': omsPredicateType,
  }
  return { statement: required(statement), outputs, who: `${name} (authority ${authority})` }
}

/** What the signature is about: the digest of the list of files, which is compared with the folder afterwards. */
function artifactIn({ content }: SealedBundle): Artifact {
  if (content.kind === 'message')
    throw new VerificationError('predicate-mismatch', 'the bundle is over an artifact, not over a model', {
      subject: 'bundle',
    })
  const [subject] = parseStatement(envelopePayload(content.envelope)).subject
  return artifactOfSubject(subject)
}

function required(statement: Statement | null): Statement {
  if (statement === null) throw new TypeError('an envelope without a statement')
  return statement
}
