import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mutated } from '../differential/archives/mutated.ts'
import { buildPeer } from '../differential/archives/peer.ts'
import { archivePeers, runArchives } from '../differential/archives/runs.ts'
import { isGood, takenShare, tell, type Tally } from '../differential/archives/tally.ts'
import { runTarGo } from '../differential/archives/tar-go.ts'
import { runTarGuest } from '../differential/archives/tar-guest.ts'
import { isGoodCbor, runCbor, tellCbor } from '../differential/cbor/run.ts'
import { isGoodRego, runRego, tellRego } from '../differential/rego/run.ts'
import { fuzzSbom } from '../fuzz/sbom/run.ts'
import { isGood as isGoodSbom, tell as tellSbom } from '../fuzz/sbom/tally.ts'
import { logSoak } from './log.ts'
import { kbsApplySoak } from './kbs-apply.ts'
import { promoteSoak } from './promote.ts'
import { raceSoak } from './race.ts'
import { attachSoak } from './attach.ts'
import { dockerEngineSoak } from './docker-engine.ts'
import { encryptedPodSoak } from './encrypted-pod.ts'
import { realGuestSoak } from './real-guest.ts'
import { rewrapSoak } from './rewrap.ts'

export interface SoakOptions {
  seed: number
  count: number
  /** Hears of progress: how many are done. */
  tell: (done: number) => void
}

export interface SoakResult {
  good: boolean
  /** Figures in one line. */
  text: string
  /** What was wrong, one a line. */
  findings: string[]
}

export interface Soak {
  what: string
  /** How many make the full run. */
  full: number
  run(options: SoakOptions): Promise<SoakResult>
}

const fulls = { 'tar-go': 1_000_000, 'tar-umoci': 2000, 'tar-buildah': 200 } as const
const whats = {
  'tar-go': "generated archives, entry by entry beside Go's archive/tar",
  'tar-umoci': 'generated images, path by path beside what umoci unpacks',
  'tar-buildah': 'generated images, path by path beside what buildah unpacks',
} as const

/** Every long run, by name. */
export const soaks: Readonly<Record<string, Soak>> = {
  ...Object.fromEntries(
    archivePeers.map((peer): [string, Soak] => [
      peer,
      {
        what: whats[peer],
        full: fulls[peer],
        run: async ({ seed, count, tell: hear }) =>
          resultOf(await runArchives(peer, { seed, count, tell: ({ cases }) => hear(cases) }), isGood),
      },
    ]),
  ),
  log: logSoak,
  'docker-engine': dockerEngineSoak,
  'encrypted-pod': encryptedPodSoak,
  race: raceSoak,
  attach: attachSoak,
  'kbs-apply': kbsApplySoak,
  promote: promoteSoak,
  'real-guest': realGuestSoak,
  rewrap: rewrapSoak,
  'tar-tokio': {
    what: 'generated archives, entry by entry beside the readers of confidential guests (tokio-tar)',
    full: 200_000,
    async run({ seed, count, tell: hear }) {
      const scratch = mkdtempSync(join(tmpdir(), 'sealwright-soak-'))
      try {
        return resultOf(await runTarGuest(scratch, { seed, count, tell: ({ cases }) => hear(cases) }), isGood)
      } finally {
        rmSync(scratch, { recursive: true, force: true })
      }
    },
  },
  'fuzz-image': {
    what: "changed archives beside Go's archive/tar: no crash, no hang, nothing read otherwise",
    full: 1_000_000,
    async run({ seed, count, tell: hear }) {
      const scratch = mkdtempSync(join(tmpdir(), 'sealwright-soak-'))
      try {
        const options = { seed, count, tell: ({ cases }: Tally) => hear(cases) }
        const tally = await runTarGo(buildPeer(scratch), options, (index) => mutated(seed, index))
        return resultOf(tally, ({ findings, alike }) => findings.length === 0 && alike > 0)
      } finally {
        rmSync(scratch, { recursive: true, force: true })
      }
    },
  },
  cbor: {
    what: 'generated and changed CBOR, value by value beside cborg and cbor2',
    full: 1_000_000,
    run(options) {
      const tally = runCbor(options)
      return Promise.resolve({ good: isGoodCbor(tally), text: tellCbor(tally), findings: tally.findings })
    },
  },
  rego: {
    what: 'generated policies: the value that regorus gives, or a refusal',
    full: 100_000,
    run(options) {
      const tally = runRego(options)
      return Promise.resolve({ good: isGoodRego(tally), text: tellRego(tally), findings: tally.findings })
    },
  },
  'fuzz-sbom': {
    what: 'changed package databases, lock files, programs and SBOM documents: no crash, no hang, nothing invalid written',
    full: 1_000_000,
    async run({ seed, count, tell: hear }) {
      const tally = await fuzzSbom({ seed, count, threads: 2, tell: hear })
      return {
        good: isGoodSbom(tally),
        text: tellSbom(tally),
        findings: tally.findings.map(({ index, name, why }) => `${index} (${name}): ${why}`),
      }
    },
  },
}

function resultOf(tally: Tally, good: (tally: Tally) => boolean): SoakResult {
  return {
    good: good(tally),
    text: `${tell(tally)}; ${Math.round(100 * takenShare(tally))} % taken`,
    findings: tally.findings.map(({ index, features, why }) => `${index} (${features.join(', ')}): ${why}`),
  }
}
