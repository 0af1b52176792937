import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { classify } from './classify.ts'
import { faultCases } from './fault-cases.ts'
import { findPeers } from './find-peers.ts'
import { runCases } from './run.ts'
import { root, withPeers } from '../../testkit/peers.ts'

withPeers(
  ['go-sev-guest', 'go-tdx-guest', 'dcap-qvl', 'vectors:tee'],
  'synthetic faults beside the peers: each is refused by us at its check, and good worlds are good to all who can read them',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sealwright-faults-'))
    try {
      const results = await runCases(faultCases(folder, new Date()), findPeers(root))
      expect(classify(results).filter(({ why }) => why === null)).toEqual([])
      const good = results.filter(({ case: one }) => one.what.startsWith('good'))
      expect(good.map(({ case: one, ours }) => [one.peer, one.what, ours])).toEqual(
        good.map(({ case: one }) => [one.peer, one.what, []]),
      )
      const read = good.filter(({ theirs }) => theirs.verdict === 'accepted').map(({ case: one }) => one.peer)
      // A peer that refused everything would agree with every refusal.
      expect([...new Set(read)].sort()).toEqual(['dcap-qvl', 'go-sev-guest', 'go-tdx-guest'])
      const missed = results.filter(
        ({ case: one, ours }) => one.check !== '' && one.peer === 'dcap-qvl' && ours.length === 0,
      )
      expect(missed.map(({ case: one }) => one.what)).toEqual([])
      for (const { case: one, ours } of results) {
        if (one.peer === 'dcap-qvl' && one.check !== undefined && one.check !== '') expect(ours).toContain(one.check)
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)
