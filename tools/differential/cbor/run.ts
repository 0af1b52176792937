import { VerificationError } from '../../../src/base/errors.ts'
import { valueOf } from '../../../src/encoding/cbor/item.ts'
import { readCbor } from '../../../src/encoding/cbor/read.ts'
import type { CborItem } from '../../../src/encoding/cbor/types.ts'
import { encodeCbor } from '../../../src/encoding/cbor/write.ts'
import { input } from './generate.ts'
import { cborPeers, describe, type CborPeer } from './peers.ts'
import { explanationOf } from './explanations.ts'

export interface CborTally {
  inputs: number
  /** Inputs that we and every peer read, with one meaning. */
  alike: number
  /** Inputs that we refused. */
  refused: number
  /** Encodings that a peer wrote with the same bytes. */
  written: number
  /** Differences that are known, by name. */
  explained: Map<string, number>
  findings: string[]
}

/** What a codec made of some bytes: a text of the value, or why it refused them. */
export type Reading = { text: string; item?: CborItem } | { refusal: string }

export function readOurs(bytes: Buffer): Reading {
  try {
    const item = readCbor(bytes, 'input')
    return { text: describe(valueOf(item)), item }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return { refusal: error.message }
  }
}

function readPeer(peer: CborPeer, bytes: Buffer): Reading {
  try {
    return { text: peer.read(bytes) }
  } catch (error) {
    return { refusal: error instanceof Error ? error.message : String(error) }
  }
}

/** Reads generated inputs with our codec and its peers, and has the unchanged ones written by all. */
export function runCbor(
  { seed, count, tell }: { seed: number; count: number; tell?: (done: number) => void },
  peers: readonly CborPeer[] = cborPeers,
): CborTally {
  const tally: CborTally = { inputs: 0, alike: 0, refused: 0, written: 0, explained: new Map(), findings: [] }
  for (let index = 0; index < count; index++) {
    const { value, bytes, changed } = input(seed, index)
    const find = (why: string): number =>
      tally.findings.push(`${index}: ${why}: ${bytes.subarray(0, 60).toString('hex')}`)
    tally.inputs += 1
    const ours = readOurs(bytes)
    if ('refusal' in ours) tally.refused += 1
    if ('item' in ours && ours.item !== undefined) checkOwn(ours.item, bytes, changed, find)
    else if (!changed) find('we refuse what we wrote')
    let alike = 'text' in ours
    for (const peer of peers) {
      const theirs = readPeer(peer, bytes)
      const known = compare(ours, theirs, peer.name)
      if (known === 'alike') continue
      alike = false
      if (known === null) find(`${peer.name}: ${textOf(ours)}, there ${textOf(theirs)}`)
      else tally.explained.set(known, (tally.explained.get(known) ?? 0) + 1)
    }
    if (alike) tally.alike += 1
    if (!changed) {
      for (const peer of peers) {
        const written = peer.write(value)
        if (written === null) continue
        if (written.equals(bytes)) tally.written += 1
        else find(`${peer.name} writes ${written.subarray(0, 60).toString('hex')}`)
      }
    }
    if (index % 1000 === 0) tell?.(index)
  }
  return tally
}

/** What was read is written with the same bytes, unless the input had its keys in another order. */
function checkOwn(item: CborItem, bytes: Buffer, changed: boolean, find: (why: string) => void): void {
  if (item.end !== bytes.length) find('an item does not fill the input')
  const again = encodeCbor(valueOf(item))
  if (again.equals(bytes)) return
  if (!changed) find('written again with other bytes')
  else if (again.length !== bytes.length) find('a longer form was read')
}

function compare(ours: Reading, theirs: Reading, peer: string): string | null {
  if ('refusal' in ours && 'refusal' in theirs) return 'alike'
  if ('text' in ours && 'text' in theirs && ours.text === theirs.text) return 'alike'
  return explanationOf(ours, theirs, peer)
}

function textOf(reading: Reading): string {
  return 'text' in reading ? `read as ${reading.text.slice(0, 80)}` : `refused (${reading.refusal})`
}

export function tellCbor({ inputs, alike, refused, written, explained, findings }: CborTally): string {
  const known = [...explained].map(([name, count]) => `${name} ${count}`).join(', ')
  return `${inputs} inputs: ${alike} read alike by all, ${refused} refused by us, ${written} encodings alike; known differences: ${known}; ${findings.length} findings`
}

/** No finding, and a run in which both verdicts and all encoders were tried. */
export function isGoodCbor({ inputs, alike, refused, written, findings }: CborTally): boolean {
  return findings.length === 0 && alike > inputs / 4 && refused > inputs / 4 && written > inputs / 4
}
