import { TransportError } from '../src/base/errors.ts'
import { putArtifact } from '../src/oci/artifact.ts'
import { keepWritten } from '../src/oci/keep-written.ts'
import { openStore } from '../src/oci/open.ts'
import { parseReference } from '../src/oci/reference.ts'
import type { Descriptor, Digest, Store } from '../src/oci/types.ts'
import { findCosignSignatures } from '../src/sign/find.ts'
import { attachCosignSignature } from '../src/sign/legacy.ts'
import { simpleSigningPayload } from '../src/sign/simple-signing.ts'
import { testPorts } from './ports.ts'
import { putSmallImage, smallFiles } from './small-image.ts'

/** What came of writers that attached to one subject at once. */
export interface AttachRace {
  /** Writers that ended with a `TransportError`. */
  told: number
  /** What is missing although its writer succeeded, or failed without naming it, and what a second run did not repair; empty is right. */
  findings: string[]
}

const artifactType = 'application/vnd.example.note'

/**
 * Lets writers, each with connections of its own, attach a referrer and a signature under the `.sig` tag to one subject at the same moment.
 *
 * @param place `HOST/NAME` or `oci:DIR` that nothing was written to yet
 */
export async function raceAttachers(place: string, writers = 20): Promise<AttachRace> {
  const store = open(place)
  const subject = await putSmallImage(store, smallFiles, 'v1')
  const all = Array.from({ length: writers }, (_, i) => writer(place, subject, `${i}`))
  const results = await Promise.allSettled(all.map((one) => one()))
  const findings: string[] = []
  let told = 0
  const lost = async (i: number, when: string): Promise<void> => {
    for (const what of await missing(place, subject, `${i}`)) findings.push(`${place}: writer ${i}: ${what} ${when}`)
  }
  for (const [i, result] of results.entries()) {
    if (result.status === 'fulfilled') {
      await lost(i, 'was lost unnoticed')
      continue
    }
    if (!(result.reason instanceof TransportError)) throw result.reason
    told++
    if (!/sha256[-:][0-9a-f]{64}/.test(result.reason.message))
      findings.push(`${place}: writer ${i} does not name what it lost: ${result.reason.message}`)
    await all[i]?.()
    await lost(i, 'was not added by a second run')
  }
  // A second run must not take out what the others have.
  if (told > 0) for (const i of all.keys()) await lost(i, 'was lost by a second run of another writer')
  return { told, findings }
}

function open(place: string): Store {
  return openStore(parseReference(place, '/'), testPorts())
}

function writer(place: string, subject: Descriptor, note: string): () => Promise<void> {
  return async () => {
    const ports = testPorts()
    const store = openStore(parseReference(place, '/'), ports)
    await putArtifact(store, { artifactType, subject, layers: [], annotations: { note } })
    const signature = { payload: payload(subject.digest), signature: Buffer.from(`signature ${note}`) }
    const sign = (): ReturnType<typeof attachCosignSignature> => attachCosignSignature(store, subject, [signature])
    await sign()
    const confirm = async (): Promise<boolean> => !(await sign()).added
    const names = [`a signature of ${subject.digest}`]
    await keepWritten(store, [{ confirm, names }], ports)
  }
}

function payload(digest: Digest): Buffer {
  return simpleSigningPayload({ dockerReference: 'example.com/app', digest })
}

/** What a reader does not find of one writer. */
async function missing(place: string, subject: Descriptor, note: string): Promise<string[]> {
  const store = open(place)
  const listed = await store.referrers(subject.digest, artifactType)
  const signatures = await findCosignSignatures(store, subject)
  return [
    ...(listed.some(({ annotations }) => annotations?.['note'] === note) ? [] : ['the referrer']),
    ...(signatures.some(({ signature }) => signature.toString() === `signature ${note}`) ? [] : ['the signature']),
  ]
}
