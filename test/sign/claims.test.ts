import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findCosignSignatures, findStatements } from '../../src/sign/find.ts'
import { claimKinds, claimTypes } from '../../src/statement/claims/types.ts'
import { bytesOf, grype, openvex } from '../statement/claims/reports.ts'
import { withPeers } from '../../testkit/peers.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { privatePem, putImage, storeOf } from './fixtures.ts'
import { job, runSign, stopAgents } from './job.ts'

afterEach(stopAgents)

const claims = async (
  change: (digest: string) => Record<string, object | string>,
  inputs: Record<string, string> = {},
) => {
  const made = await job()
  const { cwd } = made.ports.roots
  const files = Object.entries(change(made.image.digest)).map(([name, report]) => {
    const path = join(cwd, name)
    writeFileSync(path, typeof report === 'string' ? report : bytesOf(report))
    return path
  })
  writeFileSync(join(cwd, 'scanner.key'), privatePem())
  return { ...made, run: () => made.sign({ claims: files.join('\n'), ...inputs }) }
}

test('reports are signed as claims by the given key, and nothing else is signed', async () => {
  const { run, published, image } = await claims(
    (digest) => ({
      'scan.json': grype(digest, ['Low']),
      'vex.json': openvex(digest, [{ id: 'CVE-1', status: 'fixed' }]),
      'junit.xml': '<testsuite><testcase name="a"/></testsuite>',
    }),
    { signer: 'key', key: 'scanner.key' },
  )
  await run()
  const found = await findStatements(published, image)
  const referrers = found.filter(({ origin }) => origin === 'referrer').map(({ predicateType }) => predicateType)
  expect(referrers.sort()).toEqual(claimKinds.map((kind) => claimTypes[kind]).sort())
  expect(await findCosignSignatures(published, image)).toEqual([])
  expect((await run()).report.headline).toBe('Nothing to sign: everything is attached already')
  expect((await findStatements(published, image)).length).toBe(found.length)
})

test.each<[string, (digest: string) => Record<string, object | string>, Record<string, string>, object]>([
  ['without a key', (digest) => ({ 's.json': grype(digest, []) }), {}, { code: 'input-missing', subject: 'claims' }],
  [
    'together with statements',
    (digest) => ({ 's.json': grype(digest, []) }),
    { signer: 'key', key: 'scanner.key', statements: 'sign' },
    { code: 'input-invalid' },
  ],
  [
    'about another image',
    () => ({ 's.json': grype(`sha256:${'e'.repeat(64)}`, []) }),
    { signer: 'key', key: 'scanner.key' },
    { code: 'subject-mismatch', message: expect.stringContaining('is about sha256:eeee') },
  ],
  ['of no known format', () => ({ 's.json': {} }), { signer: 'key', key: 'scanner.key' }, { code: 'file-invalid' }],
])('claims %s are refused, and nothing is written', async (_name, change, inputs, error) => {
  const { run, ports } = await claims(change, inputs)
  await expect(run()).rejects.toMatchObject(error)
  expect(existsSync(join(ports.roots.cwd, 'out'))).toBe(false)
})

withPeers(
  [registryPeers.referrers],
  'a tag that moves meanwhile leads to nothing else: it is resolved once',
  async () => {
    const registry = await startRegistry('referrers')
    try {
      const { ports, directory } = await job({ agent: false })
      const store = storeOf(`${registry.host}/team/app`, ports)
      const image = await putImage(store, 'v1', 'scanned')
      const { cwd } = ports.roots
      writeFileSync(join(cwd, 'scan.json'), bytesOf(grype(image.digest, ['Low'])))
      writeFileSync(join(cwd, 'scanner.key'), privatePem())
      let moved = false
      const request: typeof ports.http.request = async (url, options) => {
        const answer = await ports.http.request(url, options)
        if (url.endsWith('/manifests/v1') && !moved) {
          moved = true
          await putImage(store, 'v1', 'another')
        }
        return answer
      }
      const given = { image: `${registry.host}/team/app:v1`, claims: 'scan.json', signer: 'key', key: 'scanner.key' }
      const { outputs } = await runSign(given, { ...ports, http: { ...ports.http, request } }, directory)
      expect([moved, outputs['digest']]).toEqual([true, image.digest])
    } finally {
      await registry.close()
    }
  },
)
