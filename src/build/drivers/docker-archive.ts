import { createReadStream } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError, VerificationError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonValue } from '../../base/json.ts'
import { sha256 } from '../../base/streams.ts'
import type { Ports } from '../../base/ports.ts'
import { readTar } from '../../tar/read.ts'
import { unpackTarFiles } from './unpack-files.ts'
import { copyImage } from '../../oci/copy.ts'
import { manifestBytes } from '../../oci/manifest.ts'
import { layoutIdentity } from '../../oci/identity.ts'
import { openLayout } from '../../oci/layout.ts'
import { mediaTypes, type Descriptor, type Digest } from '../../oci/types.ts'

/**
 * Turns what `docker save` or BuildKit's OCI exporter wrote into an OCI layout: newer archives are one already, older ones name
 * configuration and layers in `manifest.json`.
 *
 * @returns digest of the manifest or index
 * @throws VerificationError `format-invalid`
 */
export async function unpackArchive(archive: string, layout: string, ports: Ports): Promise<Digest> {
  const files = `${layout}-files`
  await mkdir(files)
  await unpackTarFiles(readTar(createReadStream(archive), 'the builder’s archive', { guests: false }), files)
  const index = await readDocument(join(files, 'index.json'))
  const from = openLayout(files, layoutIdentity(files), ports)
  const to = openLayout(layout, layoutIdentity(layout), ports)
  if (index !== null) {
    const [first] = isObject(index) && Array.isArray(index['manifests']) ? index['manifests'] : []
    if (!isObject(first) || typeof first['digest'] !== 'string') throw broken('its index names no image')

    const copied = await copyImage(from, to, first['digest'] as Digest, { tag: 'built' })
    return copied.digest
  }
  const list = await readDocument(join(files, 'manifest.json'))
  const [entry] = Array.isArray(list) ? list : []
  if (!isObject(entry) || typeof entry['Config'] !== 'string' || !Array.isArray(entry['Layers'])) {
    throw broken('it has neither index.json nor manifest.json')
  }
  const configBytes = await readFile(inside(files, entry['Config']))
  const config = await to.putBlob({ bytes: configBytes })
  const layers: Descriptor[] = []
  for (const path of entry['Layers']) {
    if (typeof path !== 'string') throw broken('a layer has no path')
    const blob = await to.putBlob({ stream: createReadStream(inside(files, path)) })
    layers.push({ mediaType: mediaTypes.layerTar, ...blob })
  }
  const manifest = { schemaVersion: 2 as const, mediaType: mediaTypes.manifest, layers }
  const bytes = manifestBytes({ ...manifest, config: { mediaType: mediaTypes.config, ...config } })
  await to.putManifest(bytes, mediaTypes.manifest, { tag: 'built' })
  return sha256(bytes)
}

function inside(root: string, path: string): string {
  if (!/^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*$/.test(path) || path.split('/').includes('..'))
    throw broken(`a path in it is ${path}`)
  return join(root, path)
}

async function readDocument(path: string): Promise<JsonValue | null> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null
    throw new InputError('file-invalid', `${path} cannot be read`, { subject: path, cause })
  })
  return text === null ? null : parseJson(text, 'the builder’s archive')
}

function broken(why: string): VerificationError {
  return new VerificationError('format-invalid', `the archive that docker wrote cannot be read: ${why}`, {
    subject: 'docker',
  })
}
