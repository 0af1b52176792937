import { basename, dirname } from 'node:path'
import type { TsmFiles } from '../../src/tee/collect/tsm.ts'

export interface SimulatedTsmOptions {
  provider: string
  outblob: Buffer
  auxblob?: Buffer
  /** Another process writes all the time: `generation` moves by more than our own writes. */
  disturbed?: boolean
  /** Error of reading `outblob`. */
  fails?: string
}

/**
 * SIMULATION of Linux's configfs-tsm in memory (tee.md §1.1): a folder gets its attributes when it is made, a write moves `generation`,
 * a report needs 64 bytes, attributes vanish with the folder. It shows that a collector follows these rules, not that a TEE works.
 */
export function simulatedTsm(options: SimulatedTsmOptions): {
  files: TsmFiles
  /** Last report data. */
  readonly inblob: Buffer | null
  /** Requests that were not removed. */
  readonly open: string[]
} {
  const requests = new Map<string, { generation: number; inblob: Buffer | null }>()
  let last: Buffer | null = null
  const request = (path: string): { generation: number; inblob: Buffer | null } =>
    requests.get(dirname(path)) ?? fail('ENOENT')
  const files: TsmFiles = {
    mkdir: async (path) => {
      if (requests.has(path)) fail('EEXIST')
      requests.set(path, { generation: 0, inblob: null })
    },
    read: async (path) => {
      const found = request(path)
      switch (basename(path)) {
        case 'provider':
          return Buffer.from(`${options.provider}\n`)
        case 'generation':
          return Buffer.from(`${found.generation}\n`)
        case 'outblob':
          if (options.fails !== undefined) fail(options.fails)
          return found.inblob?.length === 64 ? options.outblob : fail('EINVAL')
        case 'auxblob':
          return options.auxblob ?? fail('ENOENT')
        default:
          return fail('ENOENT')
      }
    },
    write: async (path, bytes) => {
      const found = request(path)
      if (bytes.length > 64) fail('EFBIG')
      found.inblob = last = bytes
      found.generation += options.disturbed === true ? 2 : 1
    },
    rmdir: async (path) => {
      requests.delete(path)
    },
  }
  return {
    files,
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
