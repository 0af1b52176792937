import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findPeer } from '../../../testkit/peers.ts'
import { buildah, umoci } from './engines.ts'
import { buildPeer } from './peer.ts'
import { runEngine } from './tar-engine.ts'
import { runTarGo, type RunOptions } from './tar-go.ts'
import type { Tally } from './tally.ts'

export const archivePeers = ['tar-go', 'tar-umoci', 'tar-buildah'] as const
export type ArchivePeer = (typeof archivePeers)[number]

/** One run beside one peer, in a folder that is removed at its end. @throws Error where the peer is missing, or needs root */
export async function runArchives(peer: ArchivePeer, options: RunOptions): Promise<Tally> {
  const scratch = mkdtempSync(join(tmpdir(), 'sealwright-archives-'))
  try {
    const go = buildPeer(scratch)
    if (peer === 'tar-go') return await runTarGo(go, options)
    if (process.geteuid?.() !== 0) throw new Error(`${peer} needs root, which owners and devices of an image take`)
    const name = peer === 'tar-umoci' ? 'umoci' : 'buildah'
    const program = findPeer(name)
    if (program === null) throw new Error(`${name} is not installed: run scripts/peers`)
    const engine = name === 'umoci' ? umoci(program, scratch) : buildah(program, scratch)
    return await runEngine(engine, { walker: go.program, scratch }, options)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
