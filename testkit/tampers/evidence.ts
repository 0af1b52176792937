import { makeKey } from '../chain.ts'
import { forged, question, type Tamper } from './kit.ts'

const day = 24 * 3600 * 1000
const otherInstance = '0'.repeat(32)

/** Evidence, job and journal that are wrong. */
export const evidenceTampers: Tamper[] = [
  forged('evidence of another job', 'job-refused', () => ({
    claims: { repository: 'example/fork', repository_id: '999999' },
  })),
  forged('seal of another job', 'binding-mismatch', () => ({
    seal: (binding) => ({ ...binding, job: { ...binding.job, claims: { ...binding.job.claims, run_id: '1' } } }),
  })),
  forged('evidence of another key', 'key-mismatch', () => ({
    seal: (binding) => ({ ...binding, key: makeKey().jwk }),
  })),
  forged('evidence of another instance', 'instance-mismatch', () => ({
    seal: (binding) => ({ ...binding, job: { ...binding.job, instance: otherInstance } }),
  })),
  {
    name: 'statements of two instances',
    reason: 'instance-mixed',
    prepare: async (kit) => {
      const found = await kit.finished()
      await kit.forge(found, { kinds: (kind) => kind !== 'inventory' })
      await kit.forge(found, { kinds: (kind) => kind === 'inventory' })
      return question(kit, found)
    },
  },
  forged('report over other data than the binding', 'binding-mismatch', () => ({
    reported: (data) => Buffer.alloc(data.length),
  })),
  forged('seal that does not follow the open report', 'binding-mismatch', () => ({
    seal: (binding) => ({ ...binding, previous: `sha384:${'0'.repeat(96)}` }),
  })),
  forged('journal event removed', 'journal-broken', () => ({
    journal: (events) => events.filter((event) => event.kind !== 'sbom'),
  })),
  forged('journal events reordered', 'journal-broken', () => ({
    journal: (events) =>
      events
        .map((event, i) => (i === 1 ? events[2] : i === 2 ? events[1] : event))
        .filter((event) => event !== undefined),
  })),
  forged('journal event changed', 'journal-broken', () => ({
    journal: (events) =>
      events.map((event) => (event.kind === 'sbom' ? { ...event, result: { ...event.result, packages: 0 } } : event)),
  })),
  forged('event 0 naming another key', 'journal-key-mismatch', () => ({
    events: (events) =>
      events.map((event) =>
        event.kind === 'job' ? { ...event, result: { ...event.result, keyThumbprint: makeKey().id } } : event,
      ),
  })),
  forged('token for another key', 'token-key-mismatch', () => ({
    token: { audience: `https://sealwright.dev/key/${makeKey().id}` },
  })),
  forged('token expired', 'token-expired', (_found, { at }) => ({
    token: { issuedAt: Math.floor(at.getTime() / 1000) - 3600, lifetime: 600 },
  })),
  forged('token by another issuer', 'token-invalid', () => ({ token: { issuer: 'https://token.example.invalid' } })),
  forged('token signed by a key that is not the issuer’s', 'token-invalid', () => ({ token: { foreignKey: true } })),
  forged('self-asserted job without permission', 'job-self-asserted', () => {
    // Without a token the reports are fresh by a verifier's nonce.
    const nonce = { source: 'verifier', value: 'given by the gate' } as const
    return {
      selfAsserted: true,
      open: (binding) => ({ ...binding, nonce }),
      seal: (binding) => ({ ...binding, nonce }),
    }
  }),
  forged('technology that the policy is not about', 'technology-refused', () => ({}), {
    'accept-sample': undefined,
    'accept-software-tpm': undefined,
    technology: 'az-snp-vtpm',
  }),
  {
    name: 'evidence copied beside a key-signed image',
    reason: 'signature-only',
    prepare: async (kit) => {
      const found = await kit.finished()
      const release = makeKey()
      // The evidence is a genuine one of this image; the statements are somebody else's.
      await kit.forge(found, { kinds: () => false })
      await kit.forge(found, { evidence: false, signWith: () => release })
      return question(kit, found)
    },
  },
  forged('old evidence', 'expired', (_found, { at }) => ({ at: new Date(at.getTime() - 40 * day) })),
  forged('time unproven without permission', 'time-unproven', () => ({}), { 'accept-unproven-time': undefined }),
  {
    name: 'key on the deny list',
    reason: 'denied',
    prepare: async (kit) => {
      const found = await kit.finished()
      const { key } = await kit.forge(found)
      return question(kit, found, { deny: { keys: [key.id] }, 'accept-unchecked-content': true })
    },
  },
]
