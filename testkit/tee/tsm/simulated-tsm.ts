import { basename, dirname } from 'node:path'
import type { TsmFiles } from '../../../src/tee/collect/tsm-files.ts'

export interface SimulatedTsmOptions {
  provider: string
  /** The report, or what makes it of the report data and the privilege level. */
  outblob: Buffer | ((inblob: Buffer, level: string | null) => Buffer)
  auxblob?: Buffer
  /** Lowest privilege level; the level's attributes are there only with it. */
  floor?: string
  /** Manifest of an SVSM; its attributes are there only with it. */
  manifest?: Buffer
  /** Another process writes all the time: `generation` moves by more than our own writes. */
  disturbed?: boolean
  /** Error of making the folder. */
  failsToMake?: string
  /** Error of reading `outblob`, of the first so many reads. */
  fails?: string
  times?: number
}

interface Request {
  generation: number
  inblob: Buffer | null
  level: string | null
  service: string | null
}

/**
 * SIMULATION of Linux's configfs-tsm in memory (tee.md §1.1): a folder gets its attributes when it is made, a write moves `generation`,
 * a report needs 64 bytes, attributes vanish with the folder. It shows that a collector follows these rules, not that a TEE works.
 */
export function simulatedTsm(options: SimulatedTsmOptions): {
  files: TsmFiles
  /** Last report data. */
  readonly inblob: Buffer | null
  /** Attributes written so far, with their text. */
  readonly writes: string[]
  /** Requests that were not removed. */
  readonly open: string[]
} {
  const requests = new Map<string, Request>()
  const writes: string[] = []
  let last: Buffer | null = null
  let failures = options.times ?? Infinity
  const request = (path: string): Request => requests.get(dirname(path)) ?? fail('ENOENT')
  const files: TsmFiles = {
    mkdir: async (path) => {
      if (options.failsToMake !== undefined) fail(options.failsToMake)
      if (requests.has(path)) fail('EEXIST')
      requests.set(path, { generation: 0, inblob: null, level: null, service: null })
    },
    read: async (path) => {
      const found = request(path)
      switch (basename(path)) {
        case 'provider':
          return Buffer.from(`${options.provider}\n`)
        case 'generation':
          return Buffer.from(`${found.generation}\n`)
        case 'privlevel_floor':
          return options.floor === undefined ? fail('ENOENT') : Buffer.from(`${options.floor}\n`)
        case 'outblob':
          if (options.fails !== undefined && failures-- > 0) fail(options.fails)
          if (found.inblob?.length !== 64) return fail('EINVAL')
          return typeof options.outblob === 'function' ? options.outblob(found.inblob, found.level) : options.outblob
        case 'auxblob':
          return options.auxblob ?? fail('ENOENT')
        case 'manifestblob':
          return found.service === null ? fail('ENOENT') : (options.manifest ?? fail('ENOENT'))
        default:
          return fail('ENOENT')
      }
    },
    write: async (path, bytes) => {
      const found = request(path)
      const attribute = basename(path)
      if (attribute === 'inblob') {
        if (bytes.length > 64) fail('EFBIG')
        found.inblob = last = bytes
      } else if (attribute === 'privlevel' && options.floor !== undefined) {
        // The kernel reads a decimal number and refuses what lies outside floor and 3.
        const text = bytes.toString('latin1')
        if (!/^\d+$/.test(text) || text < options.floor || text > '3') fail('EINVAL')
        found.level = text
      } else if (attribute === 'service_provider' && options.manifest !== undefined) {
        found.service = bytes.toString('latin1') === 'svsm' ? 'svsm' : fail('EINVAL')
      } else if (!(attribute === 'service_guid' && options.manifest !== undefined)) {
        fail('EACCES')
      }
      writes.push(attribute === 'inblob' ? attribute : `${attribute}=${bytes.toString('latin1')}`)
      found.generation += options.disturbed === true ? 2 : 1
    },
    exists: async (path) => {
      request(path)
      return basename(path).startsWith('service_') && options.manifest !== undefined
    },
    rmdir: async (path) => {
      requests.delete(path)
    },
  }
  return {
    files,
    writes,
    get inblob() {
      return last
    },
    get open() {
      return [...requests.keys()]
    },
  }
}

function fail(code: string): never {
  throw Object.assign(new Error(code), { code })
}
