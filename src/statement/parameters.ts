import type { JsonObject } from '../base/json.ts'
import type { BuildRecord } from './types.ts'

/**
 * What a build was asked for, and of which source: a fact of the `build` event, so that a gate can judge a build whose provenance is not at
 * hand, as that of a base image that the same job built (TRUST §5.8).
 */
export function buildParameters(record: BuildRecord): JsonObject {
  return {
    source: { commit: record.source.commit, clean: record.source.clean },
    context: record.context.path,
    file: record.containerfile.path,
    fileByDefault: record.containerfile.byDefault,
    target: record.target,
    buildArgs: { ...record.buildArgs },
    prepare: record.prepare,
    network: record.network,
    path: [...record.path],
    secrets: [...record.secrets],
    cache: record.cache,
    ...(record.basesPolicy === undefined ? {} : { basesPolicy: record.basesPolicy }),
  }
}
