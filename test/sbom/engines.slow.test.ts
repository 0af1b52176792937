import { readFileSync } from 'node:fs'
import { root, sandboxPeers, withPeers } from '../../testkit/peers.ts'
import { startAgent } from '../../testkit/agent.ts'
import { testPorts } from '../../testkit/ports.ts'
import type { Ports } from '../../src/base/ports.ts'
import { makeImage } from '../image/make-image.ts'
import { application, debian } from './fixture.ts'
import { documentsOf, inventoryOf, run } from './subjects/run.ts'

/** Peers come first on PATH, as in a workflow that installed them. */
function withSyft(ports: Ports): Ports {
  const find: Ports['exec']['find'] = (name) =>
    name === 'syft' ? Promise.resolve(`${root}/.peers/bin/syft`) : ports.exec.find(name)
  return { ...ports, exec: { ...ports.exec, find } }
}

withPeers(['syft', ...sandboxPeers], 'both engines are united, and each package says who found it', async () => {
  const image = `oci:${(await makeImage([debian, application])).directory}`
  const ports = withSyft(testPorts())
  const [own, theirs, both] = [
    await run({ image }, ports),
    await run({ image, engine: 'syft' }, ports),
    await run({ image, engine: 'both' }, ports),
  ]
  // Files are always ours.
  expect(inventoryOf(both)).toEqual(inventoryOf(own))
  expect(inventoryOf(theirs)).toEqual(inventoryOf(own))
  const purls = (result: typeof own): string[] =>
    (JSON.parse(documentsOf(result)['sbom-cyclonedx-path'] ?? '') as { components: { purl?: string }[] }).components
      .flatMap(({ purl }) => purl ?? [])
      .sort()
  expect(Number(theirs.outputs['packages'])).toBeGreaterThan(0)
  for (const purl of purls(own)) expect(purls(both)).toContain(purl)
  const text = documentsOf(both)['sbom-cyclonedx-path'] ?? ''
  expect(text).toContain('"value":"builtin, syft"')
  expect(text).toMatch(/"tools":\{"components":\[\{[^\]]*"name":"sealwright"[^\]]*"name":"syft"/)
  expect(JSON.stringify(both.report.facts)).toMatch(/"Engine","sealwright-[^"]*, syft/)
  // Two runs, one document.
  expect(documentsOf(await run({ image, engine: 'both' }, ports))).toEqual(documentsOf(both))
  expect(documentsOf(theirs)['sbom-cyclonedx-path']).not.toContain('"value":"builtin')
})

withPeers(['syft', ...sandboxPeers], 'a worker gets the program from the step and runs it in the sandbox', async () => {
  const { directory } = await makeImage([debian, application])
  const agent = await startAgent()
  try {
    const here = await run({ image: `oci:${directory}`, engine: 'both' }, withSyft(testPorts()))
    const there = await run({ image: `oci:${directory}`, engine: 'both' }, withSyft(agent.ports), agent.directory)
    expect(documentsOf(there)).toEqual(documentsOf(here))
    const event = (await agent.client.journal()).findLast(({ kind }) => kind === 'sbom')
    expect(event).toMatchObject({ performer: 'agent', isolation: { steps: 'sandbox', network: 'none' } })
    expect(readFileSync(there.outputs['inventory-path'] ?? '').length).toBeGreaterThan(0)
  } finally {
    await agent.client.stop()
  }
})
