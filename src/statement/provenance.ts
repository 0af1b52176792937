import type { JsonObject, JsonValue } from '../base/json.ts'
import type { Digest } from '../oci/types.ts'
import { invocationId, stableClaimsOf, workflowOf, type JobFacts } from './invocation.ts'
import { buildType, type BuildRecord } from './types.ts'
import { withoutDigest } from '../oci/reference.ts'
import { digestSet } from '../oci/digest.ts'

export const buildRecordMediaType = 'application/vnd.sealwright.build-record.v1+json'

export interface ProvenanceFacts {
  record: BuildRecord
  /** SHA-256 of the record's bytes: an output of the `build` event. */
  recordDigest: Digest
  job: JobFacts
  /** Claimed by who signs; the gate compares it with what it verified (TRUST §4). */
  builderId: string
  /** Version of Sealwright that signs. */
  version: string
}

/**
 * SLSA provenance v1 (slsa.dev/spec/v1.2/provenance) of our build type, docs/buildtype.md. Everything that a tenant controls stands in
 * `externalParameters`, what the job and its machine added in `internalParameters`. No times: see TRUST §3.
 */
export function provenancePredicate(facts: ProvenanceFacts): JsonObject {
  const { record, job } = facts
  const id = invocationId(job)
  return {
    buildDefinition: {
      buildType,
      externalParameters: externalParameters(record, job),
      internalParameters: {
        job: { assurance: job.assurance, instance: job.instance, claims: stableClaimsOf(job.claims) },
        source: { ...record.source },
        context: { files: record.context.files, bytes: record.context.bytes },
        builder: { ...record.builder },
        tools: { ...record.tools },
        image: { ...record.image },
      },
      resolvedDependencies: resolvedDependencies(record),
    },
    runDetails: {
      builder: { id: facts.builderId, version: { sealwright: facts.version } },
      metadata: id === null ? {} : { invocationId: id },
      byproducts: [
        { name: 'build-record', digest: { sha256: hex(facts.recordDigest) }, mediaType: buildRecordMediaType },
      ],
    },
  }
}

function externalParameters(record: BuildRecord, job: JobFacts): JsonObject {
  const workflow = workflowOf(job.claims)
  return {
    ...(workflow === null ? {} : { workflow }),
    source: { repository: record.source.repository, commit: record.source.commit },
    context: record.context.path,
    file: record.containerfile.path,
    fileByDefault: record.containerfile.byDefault,
    builder: record.builder.name,
    target: record.target,
    platform: record.platform,
    buildArgs: { ...record.buildArgs },
    labels: { ...record.labels },
    prepare: record.prepare,
    network: record.network,
    path: [...record.path],
    secrets: [...record.secrets],
    cache: record.cache,
    ...(record.basesPolicy === undefined ? {} : { basesPolicy: record.basesPolicy }),
    ignoreFile: record.ignoreFile?.path ?? null,
    sourceDateEpoch: record.sourceDateEpoch,
    compression: record.compression,
    rebuilds: record.rebuilds.count,
  }
}

/** Resource descriptors of all that went in: source, context, containerfile, base images in the order of use. */
function resolvedDependencies(record: BuildRecord): JsonValue[] {
  const { source, context, containerfile } = record
  const found: JsonValue[] = []
  if (source.commit !== null) {
    found.push({
      name: 'source',
      ...(source.repository === null ? {} : { uri: `git+${source.repository}@${source.commit}` }),
      digest: { gitCommit: source.commit, ...(source.tree === null ? {} : { gitTree: source.tree }) },
    })
  }
  found.push({ name: 'context', digest: { sha256: hex(context.digest) } })
  found.push({ name: 'containerfile', digest: { sha256: hex(containerfile.digest) } })
  if (record.ignoreFile !== null) found.push({ name: 'ignore-file', digest: { sha256: hex(record.ignoreFile.digest) } })
  if (record.cache !== null) found.push({ name: 'cache', digest: { sha256: hex(record.cache) } })
  for (const base of record.baseImages) {
    found.push({
      name: 'base',
      uri: `${withoutDigest(base.name)}@${base.digest}`,
      digest: digestSet(base.digest),
    })
    // A runtime runs the platform's own manifest: who denies that by digest must find it here.
    if (base.manifest !== undefined) found.push({ name: 'base-manifest', digest: digestSet(base.manifest) })
    if (base.config !== undefined) found.push({ name: 'base-config', digest: digestSet(base.config) })
    if (base.promotion !== undefined) found.push({ name: 'base-promotion', digest: digestSet(base.promotion) })
    for (const layer of base.layers ?? []) found.push({ name: 'base-layer', digest: digestSet(layer) })
  }
  return found
}

function hex(digest: Digest): string {
  return digest.slice('sha256:'.length)
}
