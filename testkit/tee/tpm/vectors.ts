import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { TeeEvidence } from '../../../src/tee/types.ts'
import { vector } from '../../peers.ts'

export const nonce = Buffer.from('00112233445566778899aabbccddeeff'.repeat(2), 'hex')

export function bytesOf(path: string): Buffer {
  return readFileSync(vector(path))
}

/** The caller names the form of a stored file. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function jsonOf<T>(path: string): T {
  return JSON.parse(readFileSync(vector(path), 'utf8')) as T
}

/** A copy with one bit changed. */
export function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return copy
}

/** SYNTHETIC: a quote as a TPM would make it over all 24 PCRs of the SHA-256 bank, signed by a key made here. */
export function syntheticQuote(qualifyingData: Buffer, change: Partial<SyntheticFields> = {}): TeeEvidence {
  const { publicKey, privateKey } = change.keys ?? generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pcrs = change.pcrs ?? [...Array(24).keys()].map((n) => Buffer.alloc(32, n))
  const tail = Buffer.concat([Buffer.from('000b03ffffff', 'hex'), sized(sha256(...pcrs))])
  const clock = Buffer.alloc(17)
  clock.writeBigUInt64BE(change.clock ?? 1000n)
  clock.writeUInt32BE(change.resetCount ?? 3, 8)
  clock.writeUInt32BE(change.restartCount ?? 0, 12)
  clock[16] = 1
  const message = Buffer.concat([
    Buffer.from(change.head ?? 'ff5443478018', 'hex'),
    sized(change.qualifiedSigner ?? Buffer.alloc(34, 1)),
    sized(qualifyingData),
    clock,
    Buffer.alloc(8),
    change.selection ?? Buffer.from('00000001', 'hex'),
    tail,
  ])
  const raw = sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  const trimmed = [raw.subarray(0, 32), raw.subarray(32)].map((number) =>
    number.subarray(number.findIndex((b) => b > 0)),
  )
  const signature = Buffer.concat([Buffer.from('0018000b', 'hex'), ...trimmed.map(sized)])
  return {
    technology: 'tpm',
    evidence: {
      ak_public: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
      tpm_quote: {
        message: message.toString('base64'),
        signature: signature.toString('base64'),
        pcrs: pcrs.map((value) => value.toString('hex')),
      },
    },
    documents: {},
  }
}

export interface SyntheticFields {
  keys: { publicKey: KeyObject; privateKey: KeyObject }
  pcrs: Buffer[]
  clock: bigint
  resetCount: number
  restartCount: number
  /** Magic and type, hex. */
  head: string
  qualifiedSigner: Buffer
  /** Count of selections and any that come before the usual one. */
  selection: Buffer
}

export function sha256(...parts: Buffer[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest()
}

function sized(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}
