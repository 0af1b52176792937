import type { Technology } from '../../src/base/technology.ts'

export const peerNames = ['go-sev-guest', 'go-tdx-guest', 'dcap-qvl'] as const
export type PeerName = (typeof peerNames)[number]

/** One question to us and to a peer. */
export interface Case {
  peer: PeerName
  technology: Technology
  /** `vector` as it is, `mutation` of a vector, `fault`: a synthetic world with one thing wrong, signed anew. */
  group: 'vector' | 'mutation' | 'fault'
  what: string
  /** Names of our failed steps, without those that this peer cannot be asked (`outOfScope`). Empty is accepted. */
  ours(): string[]
  theirs: Question
  /** Our check that a fault is made for. */
  check?: string
}

export type Question =
  | {
      kind: 'snp'
      report: Buffer
      table: Buffer
      product: string
      reportData: Buffer
      vmpl: number
      roots: string | null
    }
  | { kind: 'tdx'; quote: Buffer; reportData: Buffer; roots: string | null }
  | { kind: 'qvl'; quote: Buffer; collateral: unknown; at: Date; root: Buffer | null }

export interface Answer {
  verdict: 'accepted' | 'refused' | 'crashed'
  /** Status and error as the peer words them. */
  detail: string
}

export interface Result {
  case: Case
  ours: string[]
  theirs: Answer
}
