import { z } from 'zod'
import { defineTask, type Outcome } from './context.ts'
import { finishEncryption, type EncryptResult } from './encrypt/finish.ts'
import { encryptRequestSchema, makeKeys, prepareEncryption } from './encrypt/prepare.ts'
import { readOnce } from './read-once.ts'
import { describe, describeRequestSchema, type Found, type SbomResult } from './sbom/describe.ts'
import { readPlain } from './sbom/plain.ts'

export const passRequestSchema = z.strictObject({ describe: describeRequestSchema, encrypt: encryptRequestSchema })
export type PassRequest = z.infer<typeof passRequestSchema>

export interface PassTaskResult {
  sbom: SbomResult
  encrypt: EncryptResult
}

/**
 * `sbom` and `encrypt` over one reading of the layers (DESIGN §1.11). Both events are those of the single tasks. Where a killed run has
 * already encrypted, the encrypted image is taken as it is.
 */
export const pass = defineTask(passRequestSchema, async (request, context): Promise<Outcome<PassTaskResult>> => {
  const prepared = await prepareEncryption(request.encrypt, context)
  const { source, image, plan, layers } = prepared
  let found: Found
  let done: Parameters<typeof finishEncryption>[2]
  if (prepared.found === null) {
    await makeKeys(prepared, context)
    const read = await readOnce(source, image, {
      encryption: plan,
      layers,
      log: context.ports.log,
      threads: context.ports.threads,
    })
    found = read
    done = await read.encrypted()
  } else {
    found = await readPlain(source, image, context)
  }
  const described = await describe(source, found, request.describe, context)
  const encrypted = await finishEncryption(prepared, context, done)
  return {
    result: { sbom: described.result, encrypt: encrypted.result },
    events: [...described.events, ...encrypted.events],
  }
})
