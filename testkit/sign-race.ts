import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { door } from '../src/actions/sign-attest/main.ts'
import { openState } from '../src/agent/state.ts'
import { TransportError, VerificationError } from '../src/base/errors.ts'
import { rawInputs } from '../src/doors/raw-inputs.ts'
import { jcs } from '../src/encoding/jcs.ts'
import { openStore } from '../src/oci/open.ts'
import { parseReference } from '../src/oci/reference.ts'
import type { Descriptor, Store } from '../src/oci/types.ts'
import { verifyEnvelope } from '../src/sign/dsse.ts'
import { findCosignSignatures, findStatements } from '../src/sign/find.ts'
import { loadPublicKey, verifySignature } from '../src/sign/public-key.ts'
import { testPorts } from './ports.ts'
import { putSmallImage, smallFiles } from './small-image.ts'

/** What came of jobs that signed one image at once. */
export interface RaceResult {
  /** Runs that ended with a `TransportError`, which says that signatures were lost. */
  told: number
  /** What is missing although the run that wrote it succeeded, and what a second run did not repair; empty is right. */
  findings: string[]
}

interface Racer {
  publicKey: string
  sign(): Promise<void>
}

/**
 * Lets jobs, each with a key of its own, sign one image at the same moment: a signature and an SBOM, as bundles and under both legacy tags.
 *
 * @param place `HOST/NAME` or `oci:DIR` that nothing was written to yet
 */
export async function raceSigners(place: string, racers = 2): Promise<RaceResult> {
  const store = openStore(parseReference(place, '/'), testPorts())
  const image = await putSmallImage(store, smallFiles, 'v1')
  const jobs = Array.from({ length: racers }, () => racer(`${place}:v1`))
  const findings: string[] = []
  const results = await Promise.allSettled(jobs.map(({ sign }) => sign()))
  let told = 0
  for (const [i, job] of jobs.entries()) {
    const result = results[i]
    if (result?.status === 'fulfilled') {
      for (const lost of await missing(store, image, job)) findings.push(`${place}: ${lost} was lost unnoticed`)
    } else if (result !== undefined) {
      if (!(result.reason instanceof TransportError)) throw result.reason
      told++
      await job.sign()
      for (const lost of await missing(store, image, job)) findings.push(`${place}: a second run did not add ${lost}`)
    }
  }
  // A repair must not take out what the others have.
  if (told > 0)
    for (const job of jobs)
      for (const lost of await missing(store, image, job)) findings.push(`${place}: ${lost} was lost by a repair`)
  return { told, findings }
}

function racer(image: string): Racer {
  const ports = testPorts()
  const { cwd, temp } = ports.roots
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(join(cwd, 'my.key'), privateKey.export({ format: 'pem', type: 'pkcs8' }))
  writeFileSync(join(cwd, 'sbom.json'), jcs({ spdxVersion: 'SPDX-2.3', name: 'app' }))
  const given: Record<string, string> = { image, signer: 'key', key: 'my.key', sbom: 'sbom.json' }
  const defaults = { consumers: 'cosign2,cosign3,coco' }
  const inputs = rawInputs({ given: (name) => given[name], defaults, ports, confine: null, label: (name) => name })
  return {
    publicKey: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    sign: async () => void (await door.run(inputs, { ports, state: openState(join(temp, 'state'), ports) })),
  }
}

/** What a reader does not find of one job: its two bundles, its attestation and its signature under the legacy tags. */
async function missing(store: Store, image: Descriptor, { publicKey }: Racer): Promise<string[]> {
  const statements = await findStatements(store, image)
  const mine = statements.filter(({ envelope }) => {
    try {
      return verifyEnvelope(envelope, publicKey).length > 0
    } catch (error) {
      if (error instanceof VerificationError) return false
      throw error
    }
  })
  const key = loadPublicKey(publicKey)
  const signatures = (await findCosignSignatures(store, image)).filter(({ payload, signature }) =>
    verifySignature(key, payload, signature),
  )
  const bundles = mine.filter(({ origin }) => origin === 'referrer').length
  const attestations = mine.filter(({ origin }) => origin === 'att').length
  return [
    ...(bundles === 2 ? [] : [`${2 - bundles} of 2 bundles`]),
    ...(attestations === 1 ? [] : ['the attestation under .att']),
    ...(signatures.length === 1 ? [] : ['the signature under .sig']),
  ]
}
