import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PeerName } from './types.ts'

export type Peers = Record<PeerName, { program: string; version: string }>

/** The peers that scripts/peers put in place. @throws Error naming what is missing */
export function findPeers(root: string): Peers {
  const find = (name: PeerName): { program: string; version: string } => {
    const program = join(root, '.peers/bin', name)
    const noted = join(root, '.peers/versions', name)
    if (!existsSync(program) || !existsSync(noted)) throw new Error(`${name} is not installed: run scripts/peers`)
    return { program, version: readFileSync(noted, 'utf8').split(' ')[0]?.replace(/^v/, '').trim() ?? '' }
  }
  return { 'go-sev-guest': find('go-sev-guest'), 'go-tdx-guest': find('go-tdx-guest'), 'dcap-qvl': find('dcap-qvl') }
}
