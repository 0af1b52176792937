import { openState } from '../../src/agent/state.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { openPromoter } from '../../src/tasks/receive/run.ts'
import { forgeChain, makeIssuer } from '../../testkit/chain.ts'
import { startAgent } from '../../testkit/agent.ts'
import { startIssuer, type Issuer } from '../../testkit/oidc.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { putSmallImage, smallBase, smallClaims, smallFiles } from '../../testkit/small-image.ts'
import { findStatements } from '../../src/sign/find.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { gatePolicy, open, ports } from './support.ts'

let issuer: Issuer

let agent: Awaited<ReturnType<typeof startAgent>>
beforeEach(async () => {
  issuer = await startIssuer({ ...smallClaims, run_id: '77' })
  agent = await startAgent({ ...issuer.env() })
})
// The agent is ended by testkit/agent.ts.
afterEach(() => issuer.close())

/** Promotes an image of another job by the agent; the worker reads and writes the target itself. */
async function byAgent(to: string): Promise<void> {
  const from = `oci:${scratch()}`
  const chain = makeIssuer()
  const base = await smallBase(open(from), await putSmallImage(open(from), smallFiles))
  await forgeChain(open(from), base, { issuer: chain, at: new Date() })
  const text = policyText(base, chain)
  const policy = await gatePolicy(text)
  const promoter = await openPromoter(
    {
      signing: { signer: 'agent', key: null, keyless: null, timestamp: null },
      reissue: false,
      inProduction: null,
      renewAfter: null,
      dryRun: false,
      collateral: null,
      keySource: 'decryption-key',
      keys: { decryptionKey: false, kbs: null },
      secret: () => Promise.resolve(null),
    },
    { ports: agent.ports, state: openState(agent.directory, agent.ports) },
  )
  const done = await promoter.promote({
    from: `${from}:latest`,
    to: `${to}:prod`,
    policy,
    toPolicy: null,
    filter: { include: [], exclude: [] },
    word: { environment: 'production', class: null, supersedes: [] },
  })
  expect(done).toMatchObject({ tagged: true, record: { state: 'added' }, target: { verified: true } })
  const store = open(to)
  const { descriptor } = await store.getManifest(base.subject.digest)
  const [record] = await findStatements(store, descriptor, { predicateTypes: [predicateTypes.promotion] })
  expect(record?.statement.predicate).toMatchObject({ environment: 'production', to: { name: store.identity } })
  const events = await agent.client.journal()
  expect(events.filter(({ kind }) => kind === 'promote').at(-1)).toMatchObject({ performer: 'agent' })
  // The record's agent is no candidate for the build, and its evidence hurts nobody.
  const admitted = await verifyImage(`${to}:prod`, await parsePolicy(text, '/policy.yml'), {}, ports)
  expect([admitted.verified, admitted.reasons]).toEqual([true, []])
}

test('a worker promotes to a layout, and the agent signs the record', async () => {
  await byAgent(`oci:${scratch()}`)
})

withPeers([registryPeers.docker], 'a worker promotes to a registry', async () => {
  const registry = await startRegistry('docker')
  try {
    await byAgent(`${registry.host}/prod/app`)
  } finally {
    await registry.close()
  }
})
