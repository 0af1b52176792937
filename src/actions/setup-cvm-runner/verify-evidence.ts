import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { AgentClient } from '../../agent/protocol.ts'
import { InputError, TransportError, VerificationError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { bindingHash, parseBinding } from '../../journal/binding.ts'
import { call } from '../../kbs/call.ts'
import { checkEar } from '../../kbs/ear.ts'
import { askForEar } from '../../kbs/passport.ts'
import { parseTeeEvidence } from '../../tee/evidence.ts'
import type { Technology } from '../../base/technology.ts'
import { verifiers } from '../../tee/verify/index.ts'
import { noCollateral } from '../../tee/verify/verifier.ts'
import type { SetupInputs } from './inputs.ts'

/** What was found out about the evidence, for reading: the gate judges it anew (TRUST §1). */
export interface EvidenceFindings {
  /** Hardware vouches for this machine, as far as the verifier that was asked can say. Never true for `sample`. */
  attested: boolean
  measurement: string
  /** One line a verifier. */
  notes: string[]
  /** The Attestation Service's token, where one was asked. */
  ear: string | null
}

/** @throws VerificationError `evidence-invalid` when a verifier refuses, `token-invalid` for an EAR of another; TransportError `kbs-error`; InputError `file-invalid` for unreadable reference values */
export async function verifyEvidence(
  client: AgentClient,
  technology: Technology,
  inputs: SetupInputs,
  ports: Ports,
): Promise<EvidenceFindings> {
  const findings: EvidenceFindings = { attested: false, measurement: '', notes: [], ear: null }
  if (inputs.verifier === 'local' || inputs.verifier === 'both')
    await locally(client, technology, inputs, findings, ports)
  if (inputs.trusteeUrl !== null && (inputs.verifier === 'trustee' || inputs.verifier === 'both')) {
    await byTrustee(client, technology, inputs.trusteeUrl, findings, ports)
  }
  if (inputs.verifier === 'none') findings.notes.push('The evidence was collected and not looked at (verifier: none).')
  if (technology === 'sample') {
    findings.attested = false
    findings.notes.push(
      'Sample evidence proves nothing about this machine: every policy refuses it that does not name it.',
    )
  }
  return findings
}

async function locally(
  client: AgentClient,
  technology: Technology,
  inputs: SetupInputs,
  findings: EvidenceFindings,
  ports: Ports,
): Promise<void> {
  const { binding, evidence } = await client.openReport()
  const verifier = verifiers[technology]
  if (verifier === undefined) {
    findings.notes.push(`This version collects ${technology} evidence and cannot verify it: the gate refuses it.`)
    return
  }
  const hash = bindingHash(parseBinding(binding, 'open binding'))
  const verdict = verifier.verify(parseTeeEvidence(evidence, 'open report'), hash, {
    at: ports.clock.now(),
    collateral: noCollateral,
    rules: {},
  })
  const failed = verdict.checks.filter(({ ok }) => !ok)
  if (verdict.status !== 'verified') {
    throw new VerificationError(
      'evidence-invalid',
      `the evidence is refused: ${failed.map(({ why }) => why).join('; ')}`,
      {
        subject: technology,
      },
    )
  }
  if (inputs.referenceValues !== null) await compare(inputs.referenceValues, verdict.facts)
  findings.attested = verdict.facts['hardware'] !== false
  findings.measurement = String(verdict.facts['measurement'] ?? '')
  findings.notes.push(`Verified here: ${verdict.checks.map(({ name }) => name).join(', ')}.`)
}

/** Reference values: a JSON object of fact → value or list of values. A fact that is named must have one of them. */
async function compare(path: string, facts: Record<string, JsonValue>): Promise<void> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new InputError('file-missing', `${path} cannot be read`, { subject: 'reference-values', cause })
  })
  const wanted = parseJson(text, path, 'input')
  if (!isObject(wanted))
    throw new InputError('file-invalid', `${path} is not a JSON object`, { subject: 'reference-values' })
  for (const [name, value] of Object.entries(wanted)) {
    const allowed = Array.isArray(value) ? value : [value]
    if (allowed.includes(facts[name] ?? null)) continue
    throw new VerificationError(
      'evidence-invalid',
      `${name} is ${JSON.stringify(facts[name] ?? null)}, no reference value`,
      {
        subject: name,
        remedy: 'Compare the reference values with the image that this runner booted.',
      },
    )
  }
}

async function byTrustee(
  client: AgentClient,
  technology: Technology,
  asUrl: string,
  findings: EvidenceFindings,
  ports: Ports,
): Promise<void> {
  const holder = { technology, openReport: client.openReport, decryptJwe: client.decryptJwe }
  findings.ear = await askForEar({ holder, asUrl, ports })
  const trusted = await publishedKeys(asUrl, ports)
  const ear = checkEar(findings.ear, { keys: trusted }, ports.clock.now())
  findings.attested = ear.status === 'affirming'
  findings.notes.push(
    `The Attestation Service says "${ear.status}". Its word counts at the gate only where the policy pins its key.`,
  )
}

/** Keys that an Attestation Service says are its own. @throws TransportError `kbs-error` where it publishes none */
async function publishedKeys(asUrl: string, ports: Ports): Promise<KeyObject[]> {
  const answer = await call(ports, `${asUrl}/.well-known/jwks.json`, { method: 'GET' })
  const jwks = answer.status === 200 ? parseJson(answer.body.toString('utf8'), asUrl) : null
  const keys = isObject(jwks) ? jwks['keys'] : undefined
  if (!Array.isArray(keys)) {
    throw new TransportError('kbs-error', `the Attestation Service publishes no keys: it answered ${answer.status}`, {
      subject: asUrl,
      remedy: 'Give the base URL of its REST door (restful-as); the one inside a KBS has none.',
    })
  }
  return keys.filter(isObject).flatMap((key: JsonObject) => {
    try {
      return [createPublicKey({ key: key as Record<string, string>, format: 'jwk' })]
    } catch {
      // A key of a kind that we cannot read has signed nothing that we can check.
      return []
    }
  })
}
