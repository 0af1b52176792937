import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFile } from '../../base/write-file.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { optionalPath } from '../../actions/shared/optional.ts'
import { judgeEnvironment } from '../../agent/build-environment/judge.ts'
import { environmentStatements } from '../../agent/build-environment/statements.ts'
import { InputError, VerificationError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonObject } from '../../base/json.ts'
import { sha256 } from '../../base/streams.ts'
import { jcs } from '../../encoding/jcs.ts'
import { parseBinding } from '../../journal/binding.ts'
import { isDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/types.ts'
import { makeBundle, parseBundle } from '../../sign/bundle.ts'
import { parseEnvelope, signEnvelope, verifyEnvelope } from '../../sign/dsse.ts'
import { loadSigner } from '../../sign/keys.ts'
import { parseStatement, speaksOf, subjectInWords } from '../../statement/statement.ts'
import { predicateTypes } from '../../statement/types.ts'
import { parseTeeEvidence } from '../../tee/evidence.ts'
import { openReferenceValues } from '../../tee/reference/envelope.ts'
import type { ReferenceValues } from '../../tee/reference/values.ts'
import { contextFor, leavingExceptions } from '../../verify/context.ts'
import { demandMachine, machineChecks } from '../../verify/machine-checks.ts'
import { loadPolicy } from '../../verify/policy/load.ts'
import { namedFile, optionFile } from '../option-file.ts'
import { timeOption } from '../tee/option-values.ts'

/** Signs what a job's evidence proves of its machine, or refuses with the reason. */
export async function runnerAttest(
  inputs: RawInputs,
  { ports }: ActionContext,
): Promise<{ outputs: JsonObject; text: string }> {
  const digest = imageDigest(inputs.required('image'))
  const at = timeOption(inputs, 'at', ports.clock.now())
  const read = (name: string): Promise<Buffer> => fileOf(inputs, name)
  const evidenceBytes = await read('evidence')
  const document = parseJson(evidenceBytes.toString('utf8'), inputs.path('evidence'), 'input')
  if (!isObject(document) || document['binding'] === undefined || document['evidence'] === undefined) {
    throw new InputError('file-invalid', 'the evidence is not what setup-cvm-runner writes', {
      subject: 'evidence',
      remedy: 'Give the file of its output evidence-path: {"binding":…,"evidence":…}.',
    })
  }
  const binding = parseBinding(jcs(document['binding']), 'open binding')
  const provenance = await provenanceOf(inputs, digest)
  const reference = await referenceOf(inputs)
  const policyBytes = inputs.text('policy') === '' ? null : await read('policy')
  const policy = policyBytes === null ? null : await loadPolicy(inputs.path('policy'))
  const silent = await contextFor(policy, at, optionalPath(inputs, 'collateral'))
  const context = policy === null ? silent : leavingExceptions(silent)
  const judgement = judgeEnvironment(
    binding,
    parseTeeEvidence(jcs(document['evidence']), 'open report'),
    {
      provenance,
      reference: reference === null ? null : { document: reference.document, subject: inputs.path('reference-values') },
    },
    context,
  )
  if (policy !== null) {
    const { verdict } = judgement
    demandMachine(await machineChecks(policy, verdict, context, ports), verdict.technology)
  }
  const payloads = environmentStatements({
    image: { digest, uri: inputs.required('image-uri') },
    binding,
    judgement,
    evidence: sha256(evidenceBytes),
    provenance,
    reference: reference === null ? null : { digest: reference.digest, name: reference.document.name },
    policy: policy?.digest ?? sha256('no policy'),
    verifierId: inputs.required('verifier-id'),
    at,
  })
  const key = await inputs.secret('key')
  if (key === null) throw new InputError('input-missing', '--key is required', { subject: 'key' })
  const signer = await loadSigner(key, await inputs.passwords('key-password'))
  const folder = inputs.path('output')
  await mkdir(folder, { recursive: true })
  const files: string[] = []
  for (const [name, payload] of Object.entries(payloads)) {
    const file = join(folder, `${name}.sigstore.json`)
    await writeFile(file, makeBundle(await signEnvelope(payload, signer), signer.hint))
    files.push(file)
  }
  const { level, short, buildId } = judgement
  return {
    outputs: { level: `SLSA_BUILDENV_LEVEL_${level}`, 'build-id': buildId, short, files },
    text: [
      `BuildEnv L${level} (draft track), build id ${buildId}`,
      ...short.map((why) => `  not ${why}`),
      ...files,
      '',
    ].join('\n'),
  }
}

async function provenanceOf(
  inputs: RawInputs,
  image: Digest,
): Promise<{ digest: Digest; builderId: string; level: number } | null> {
  if (inputs.text('provenance') === '') return null
  const bytes = await fileOf(inputs, 'provenance')
  const value = parseJson(bytes.toString('utf8'), 'provenance', 'input')
  const envelope = isObject(value) && 'mediaType' in value ? parseBundle(bytes).envelope : parseEnvelope(value)
  const payload = verifyEnvelope(envelope, (await fileOf(inputs, 'provenance-key')).toString('utf8'))
  const statement = parseStatement(payload)
  if (statement.predicateType !== predicateTypes.provenance)
    throw refuse('predicate-mismatch', `it is a statement of ${statement.predicateType}, no provenance`)
  if (!speaksOf(statement, image))
    throw refuse('subject-mismatch', `it speaks of ${subjectInWords(statement)}, not of the image`)
  const run = isObject(statement.predicate) ? statement.predicate['runDetails'] : undefined
  const builder = isObject(run) ? run['builder'] : undefined
  const builderId = isObject(builder) ? String(builder['id'] ?? '') : ''
  const wanted = inputs.required('builder-id')
  if (builderId !== wanted) throw refuse('builder-mismatch', `its builder is ${builderId}, not ${wanted}`)
  return { digest: sha256(bytes), builderId, level: inputs.integer('builder-level', 0, 3) }
}

async function referenceOf(inputs: RawInputs): Promise<{ digest: Digest; document: ReferenceValues } | null> {
  if (inputs.text('reference-values') === '') return null
  const bytes = await fileOf(inputs, 'reference-values')
  const keys = inputs.list('reference-keys')
  if (keys.length === 0) {
    throw new InputError('input-missing', 'reference-values without reference-keys', {
      subject: 'reference-keys',
      remedy: 'Give the public key that must have signed them.',
    })
  }
  const files = await Promise.all(keys.map((key) => namedFile(key, 'reference-keys')))
  const pems = files.map((file) => file.toString('utf8'))
  const { document } = openReferenceValues(bytes, pems, inputs.path('reference-values'))
  return { digest: sha256(bytes), document }
}

async function fileOf(inputs: RawInputs, name: string): Promise<Buffer> {
  inputs.required(name)
  return optionFile(inputs, name)
}

function imageDigest(text: string): Digest {
  if (isDigest(text) && text.startsWith('sha256:')) return text
  throw new InputError('input-invalid', `--image: ${text} is no digest`, {
    subject: 'image',
    remedy: 'Write sha256: and 64 hexadecimal digits: the digest of the image file that was started.',
  })
}

function refuse(code: 'predicate-mismatch' | 'subject-mismatch' | 'builder-mismatch', why: string): VerificationError {
  return new VerificationError(code, `the provenance is refused: ${why}`, { subject: 'provenance' })
}
