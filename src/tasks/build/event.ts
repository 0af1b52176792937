import type { BuildResult } from '../../build/types.ts'
import { roles } from '../../journal/event.ts'
import { mediaTypes } from '../../oci/types.ts'
import { buildParameters } from '../../statement/parameters.ts'
import type { TaskEvent } from '../context.ts'

/** The event of a build, made of its record. Names say nothing of the host. */
export function buildEvent(result: Omit<BuildResult, 'recordBytes'>, identity: string): TaskEvent {
  const { record } = result
  const octets = 'application/octet-stream'
  return {
    facts: {
      kind: 'build',
      inputs: [
        {
          role: roles.context,
          name: record.context.path,
          digest: record.context.digest,
          mediaType: 'application/vnd.sealwright.context.v1+jsonl',
        },
        { role: roles.file, name: record.containerfile.path, digest: record.containerfile.digest, mediaType: octets },
        ...record.baseImages.map(({ name, digest }) => ({
          role: roles.base,
          name,
          digest,
          mediaType: mediaTypes.manifest,
        })),
      ],
      outputs: [
        { role: roles.image, name: identity, digest: result.digest, mediaType: mediaTypes.manifest },
        { role: roles.config, name: identity, digest: result.configDigest, mediaType: mediaTypes.config },
        {
          role: roles.buildRecord,
          name: 'build-record.json',
          digest: result.recordDigest,
          mediaType: 'application/vnd.sealwright.build-record.v1+json',
        },
      ],
      result: {
        reproducible: result.reproducible,
        rebuilds: record.rebuilds.count,
        independence: record.rebuilds.independence,
        parameters: buildParameters(record),
      },
    },
    isolation: result.isolation,
  }
}
