import { InputError, VerificationError } from '../base/errors.ts'
import type { Clock, HttpResponse } from '../base/ports.ts'
import { refusedManifest, withoutAlgorithm } from './refused-manifest.ts'
import { failed, type Session } from './session.ts'

/** Milliseconds before a manifest is put again whose blobs the registry says it lacks. */
const unknownBlobPauses: readonly number[] = [100, 400]

/** PUT of a manifest under a tag or digest. */
export type PutAs = (
  reference: string,
  bytes: Uint8Array,
  mediaType: string,
  conditions?: Record<string, string>,
) => Promise<HttpResponse>

/**
 * Puts a manifest under a tag or digest (distribution-spec 1.1, "Pushing Manifests").
 *
 * @param host registry as the user named it, for messages
 * @param conditions request headers such as `if-match`; with them 412 is an answer and no error
 * @returns the answer, 201 or 412, without its body
 * @throws InputError if the registry refuses the manifest, VerificationError `missing-blob` if it lacks what the manifest names
 */
export async function putManifestAs(
  session: Session,
  host: string,
  clock: Pick<Clock, 'sleep'>,
  ...[reference, bytes, mediaType, conditions]: Parameters<PutAs>
): Promise<HttpResponse> {
  for (let attempt = 0; ; attempt++) {
    const response = await session.send(`manifests/${reference}`, {
      method: 'PUT',
      headers: { 'content-type': mediaType, ...conditions },
      body: bytes,
    })
    if (response.status === 201 || (response.status === 412 && conditions !== undefined)) {
      await response.body?.cancel()
      return response
    }
    const refused = await failed(response, host, `PUT of the manifest ${reference}`)
    const error = response.status === 400 ? withoutAlgorithm(reference, host, refused) : refused
    if (error instanceof InputError) throw error
    if (!/MANIFEST_BLOB_UNKNOWN|BLOB_UNKNOWN|MANIFEST_UNKNOWN/.test(error.message))
      throw refusedManifest(error, reference)
    // Two jobs that sign at once upload the same payload: docker-registry does not know a blob while another client's upload replaces it.
    const pause = unknownBlobPauses[attempt]
    if (pause === undefined) {
      throw new VerificationError('missing-blob', error.message, {
        subject: reference,
        remedy: 'Push what the manifest names first.',
        cause: error,
      })
    }
    await clock.sleep(pause)
  }
}
