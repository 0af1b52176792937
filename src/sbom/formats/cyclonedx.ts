import { sha256 } from '../../base/streams.ts'
import { version } from '../../base/version.ts'
import { packageKey, timestamp, uuid5 } from '../ids.ts'
import type { Description, FoundPackage } from '../model.ts'

/** CycloneDX 1.6 JSON of an image, bound and reproducible as the SPDX document is. */
export function cyclonedxDocument(description: Description): Buffer {
  const root = `image-${packageKey(description.configDigest)}`
  const refs = new Map(description.packages.map((found) => [found.purl, refOf(found)]))
  const property = (name: string, value: string): object => ({ name: `sealwright:${name}`, value })
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: '',
    version: 1,
    metadata: {
      timestamp: timestamp(description.created),
      lifecycles: [{ phase: 'post-build' }],
      tools: { components: [{ type: 'application', name: 'sealwright', version }] },
      component: {
        type: 'container',
        'bom-ref': root,
        name: description.name,
        version: description.configDigest,
        hashes: [{ alg: 'SHA-256', content: description.configDigest.slice(7) }],
      },
      properties: [
        property('image:config-digest', description.configDigest),
        ...description.layers.map(({ diffId }) => property('image:diff-id', diffId)),
        property(
          'image:platform',
          [description.platform.os, description.platform.architecture, description.platform.variant]
            .filter(Boolean)
            .join('/'),
        ),
        property('inventory', description.inventoryDigest),
        property('files', String(description.files)),
        property('files:unattributed', String(description.coverage.unattributed)),
        property('catalogers', description.catalogers.join(',')),
        ...description.gaps.map(({ path, kind, why }) => property('unreadable', `${path} (${kind}): ${why}`)),
      ],
    },
    components: [...operatingSystem(description), ...description.packages.map((found) => component(found, refs))],
    dependencies: [
      { ref: root, dependsOn: [...refs.values()].sort() },
      ...description.packages
        .map((found) => ({
          ref: refOf(found),
          dependsOn: found.dependsOn.flatMap((purl) => refs.get(purl) ?? []).sort(),
        }))
        .sort((a, b) => (a.ref < b.ref ? -1 : 1)),
    ],
    compositions: [{ aggregate: description.gaps.length > 0 ? 'incomplete' : 'unknown', assemblies: [root] }],
  }
  document.serialNumber = `urn:uuid:${uuid5(sha256(JSON.stringify(document)))}`
  return Buffer.from(`${JSON.stringify(document)}\n`)
}

function operatingSystem({ os }: Description): object[] {
  if (os === null) return []
  return [
    {
      type: 'operating-system',
      'bom-ref': `os-${packageKey(`${os.id}@${os.versionId}`)}`,
      name: os.id,
      ...(os.versionId === '' ? {} : { version: os.versionId }),
      description: os.prettyName,
    },
  ]
}

function component(found: FoundPackage, refs: ReadonlyMap<string, string>): object {
  const owner = found.ownedBy === null ? undefined : refs.get(found.ownedBy)
  const { supplier } = found
  return {
    type: 'library',
    'bom-ref': refOf(found),
    ...(supplier === null
      ? {}
      : {
          supplier: {
            name: supplier.name,
            ...(supplier.email === undefined ? {} : { contact: [{ email: supplier.email }] }),
          },
        }),
    name: found.name,
    ...(found.version === null ? {} : { version: found.version }),
    ...licences(found),
    purl: found.purl,
    ...(found.homepage === null ? {} : { externalReferences: [{ type: 'website', url: found.homepage }] }),
    properties: [
      ...found.locations.map((path) => ({ name: 'sealwright:location', value: path })),
      ...(owner === undefined ? [] : [{ name: 'sealwright:owned-by', value: owner }]),
    ],
  }
}

function licences(found: FoundPackage): object {
  if (found.licence !== null) return { licenses: [{ expression: found.licence, acknowledgement: 'declared' }] }
  if (found.licenceText !== null)
    return { licenses: [{ license: { name: found.licenceText, acknowledgement: 'declared' } }] }
  return {}
}

function refOf(found: FoundPackage): string {
  return `${found.type}-${packageKey(found.purl)}`
}
