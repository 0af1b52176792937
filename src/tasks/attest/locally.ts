import { compareMachine } from '../../agent/build-environment/compare.ts'
import { InputError, VerificationError } from '../../base/errors.ts'
import { readNamedFile } from '../../base/files.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import type { Technology } from '../../base/technology.ts'
import { bindingHash, parseBinding } from '../../journal/binding.ts'
import { parseTeeEvidence } from '../../tee/evidence.ts'
import { openReferenceValues, referenceValuesPayloadType } from '../../tee/reference/envelope.ts'
import { factsJson } from '../../tee/facts/json.ts'
import type { TeeVerdict } from '../../tee/types.ts'
import { verifiers } from '../../tee/verify/index.ts'
import { contextFor, leavingExceptions } from '../../verify/context.ts'
import { demandMachine, machineChecks } from '../../verify/machine-checks.ts'
import { loadPolicy } from '../../verify/policy/load.ts'
import type { AttestResult } from './task.ts'
import type { EvidenceInputs } from './findings.ts'

type LocalInputs = Pick<EvidenceInputs, 'collateral' | 'policy' | 'referenceValues' | 'referenceKeys'>

export interface LocalResult {
  verdict: TeeVerdict
  /** Name of the signed document that the machine fits; null where none was given. */
  referenceValues: string | null
}

/**
 * Verifies the open report as the gate will, with the collateral and rules that the step was given.
 *
 * @throws VerificationError `evidence-invalid`, `signature-invalid`, `expired`; InputError `file-missing`, `file-invalid`
 */
export async function verifyLocally(
  report: Pick<AttestResult, 'binding' | 'evidence'>,
  technology: Technology,
  inputs: LocalInputs,
  ports: Ports,
): Promise<LocalResult> {
  const binding = Buffer.from(report.binding, 'base64')
  const evidence = Buffer.from(report.evidence, 'base64')
  const at = ports.clock.now()
  const policy = inputs.policy === null ? null : await loadPolicy(inputs.policy)
  const silent = await contextFor(policy, at, inputs.collateral)
  // With a policy its own steps judge what only a line can accept, as in the gate; without one nothing is accepted.
  const context = policy === null ? silent : leavingExceptions(silent)
  const verdict = verifiers[technology].verify(
    parseTeeEvidence(evidence, 'open report'),
    bindingHash(parseBinding(binding, 'open binding')),
    context,
  )
  if (verdict.status !== 'verified') {
    const failed = verdict.checks.filter(({ ok }) => !ok)
    throw new VerificationError(
      'evidence-invalid',
      `the evidence is refused: ${failed.map(({ name, why }) => `${name}: ${why}`).join('; ')}`,
      { subject: technology, remedy: remedyFor(new Set(failed.map(({ name }) => name)), inputs.collateral) },
    )
  }
  if (policy !== null) demandMachine(await machineChecks(policy, verdict, context, ports), technology)
  const { referenceValues: path } = inputs
  return { verdict, referenceValues: path === null ? null : await compare(path, inputs.referenceKeys, verdict, at) }
}

function remedyFor(failed: ReadonlySet<string>, collateral: string | null): string | undefined {
  if (failed.has('ak-trust')) {
    return 'Enrol this TPM with a registrar (docs/tpm.md), or give a policy that says accept-software-tpm.'
  }
  if (failed.has('register')) {
    return 'A machine serves one agent a boot: where an agent ran before, restart the machine (and its virtual TPM with it).'
  }
  if (collateral !== null) return undefined
  return 'Where certificates or revocation lists are missing, give a folder of them as collateral ("sealwright tee collateral fetch" makes one).'
}

/** @returns the document's name, or null for a plain map of facts */
async function compare(path: string, keys: readonly string[], verdict: TeeVerdict, at: Date): Promise<string | null> {
  const bytes = await readNamedFile(path, 'reference-values')
  const value = parseJson(bytes.toString('utf8'), path, 'input')
  if (!isObject(value))
    throw new InputError('file-invalid', `${path} is not a JSON object`, { subject: 'reference-values' })
  if (value['payloadType'] !== referenceValuesPayloadType) {
    compareMap(value, verdict)
    return null
  }
  if (keys.length === 0) {
    throw new InputError('input-missing', `${path} is signed, and no key is given that it must be signed by`, {
      subject: 'reference-keys',
      remedy: 'Give the public key of whoever measures your runner images.',
    })
  }
  const pems = await Promise.all(keys.map(async (key) => (await readNamedFile(key, 'reference-keys')).toString('utf8')))
  const { document } = openReferenceValues(bytes, pems, path)
  compareMachine(document, verdict, path, at)
  return document.name
}

/** A JSON object of fact or measured value → value or list of values. What is named must have one of them. */
function compareMap(wanted: JsonObject, verdict: TeeVerdict): void {
  const { measured } = verdict
  const facts = factsJson(verdict)
  for (const [name, value] of Object.entries(wanted)) {
    const allowed = Array.isArray(value) ? value : [value]
    const found: JsonValue = (Object.hasOwn(measured, name) ? measured[name] : facts[name]) ?? null
    if (found !== null && allowed.includes(found)) continue
    throw new VerificationError('evidence-invalid', `${name} is ${JSON.stringify(found)}, no reference value`, {
      subject: name,
      remedy: 'Compare the reference values with the image that this runner booted.',
    })
  }
}
