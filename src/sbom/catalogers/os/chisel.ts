import { zstdDecompressSync } from 'node:zlib'
import { messageOf } from '../../../base/errors.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../../../base/json.ts'
import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import type { OwnedFile } from '../../model.ts'
import { damaged } from './damaged.ts'
import { systemPurl } from './system-purl.ts'

/** Most bytes of the manifest, and of what it unpacks to. */
const [limit, textLimit] = [32 << 20, 256 << 20]
const place = /^((?:.*?\/)??)var\/lib\/chisel\/manifest\.wall$/

/** Ubuntu's chiselled images have no dpkg database: chisel's manifest names the packages whose slices are there, and every file. */
export const chisel: Cataloger<JsonObject[]> = {
  name: 'chisel',
  kind: 'deb',
  finds: 'installed',
  strict: true,
  match: { names: ['manifest.wall'] },
  folders: ['var/lib/chisel'],
  wants: ({ path }) => (place.test(path) ? limit : 0),
  read: ({ path }, content) => {
    try {
      const unpacked = zstdDecompressSync(content, { maxOutputLength: textLimit }).toString('utf8')
      const lines = unpacked.split('\n').filter((line) => line !== '')
      const records = lines.map((line) => parseJson(line, path))
      const [head, ...rest] = records
      if (!isObject(head) || head['jsonwall'] !== '1.0') throw new Error('is of another version')
      const count = head['count']
      if (typeof count === 'number' && count !== records.length && count !== rest.length)
        throw new Error(`has ${rest.length} records and says ${count}`)
      return rest.map((record) => {
        if (!isObject(record)) throw new Error('has a record that is not an object')
        return record
      })
    } catch (error) {
      throw damaged(path, `cannot be read: ${messageOf(error)}`)
    }
  },
  finish: (facts, { os }) => {
    const owned: OwnedFile[] = []
    const packages = [...facts].flatMap(([path, records]) => {
      const prefix = place.exec(path)?.[1] ?? ''
      const made = records
        .filter((record) => record['kind'] === 'package')
        .map((record) => {
          const [name, version, arch] = [text(record['name']), text(record['version']), text(record['arch'])]
          if (name === '' || version === '') throw damaged(path, 'has a package without name or version')
          const purl = systemPurl({ type: 'deb', name, version, arch }, os, 'ubuntu')
          const sha256 = text(record['sha256'])
          return {
            ...emptyPackage('deb', 'chisel'),
            name,
            version,
            purl,
            locations: [path],
            ...(/^[0-9a-f]{64}$/.test(sha256) ? { checksums: [{ algorithm: 'SHA-256' as const, value: sha256 }] } : {}),
          }
        })
      const purls = new Map(made.map(({ name, purl }) => [name, purl]))
      for (const record of records) if (record['kind'] === 'path') owned.push(...filesOf(record, prefix, purls))
      return made
    })
    return { packages, owned }
  },
}

/** A path belongs to the packages of its slices (`base-files_bin`). */
function filesOf(record: JsonObject, prefix: string, purls: ReadonlyMap<string, string>): OwnedFile[] {
  const slices = Array.isArray(record['slices']) ? record['slices'].map(text) : []
  const owner = slices
    .map((slice) => purls.get(slice.slice(0, slice.lastIndexOf('_'))))
    .find((purl) => purl !== undefined)
  const path = text(record['path']).replace(/^\/|\/$/g, '')
  if (owner === undefined || path === '') return []
  // What a script of the slice has changed since has a second sum.
  const value = text(record['final_sha256']) || text(record['sha256'])
  const checksum = { algorithm: 'SHA-256' as const, value }
  return [{ path: prefix + path, purl: owner, ...(/^[0-9a-f]{64}$/.test(value) ? { checksum } : {}) }]
}

function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}
