import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '../../../src/oci/open.ts'
import { parseReference } from '../../../src/oci/reference.ts'
import { stringify } from 'yaml'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { putSmallImage, smallFiles } from '../../../testkit/small-image.ts'
import { actionRunner } from '../../../testkit/working-job.ts'
import { succeed } from '../../../testkit/cli.ts'

/** A folder with what the rows name: an image that a key signed, keys, a log, documents. */
export async function prepare(): Promise<string> {
  const place = join(scratch('full'), 'place')
  for (const folder of ['', 'src', 'out']) mkdirSync(join(place, folder))
  chmodSync(join(place, '..'), 0o755)
  const put = (name: string, content: string | Buffer): void => writeFileSync(join(place, name), content)
  const spki = { type: 'spki', format: 'pem' } as const
  const pkcs8 = { type: 'pkcs8', format: 'pem' } as const
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const log = generateKeyPairSync('ed25519')
  put('key.pem', key.privateKey.export(pkcs8))
  put('key.pub', key.publicKey.export(spki))
  put('log.pem', log.privateKey.export(pkcs8))
  put('status.pem', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(pkcs8))
  put('new-log.pem', generateKeyPairSync('ed25519').privateKey.export(pkcs8))
  put('log.pub', log.publicKey.export(spki))
  put('rsa.pub', generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export(spki))
  put('src/Containerfile', 'FROM scratch\nCOPY hello /hello\n')
  put('src/hello', 'hello\n')
  put('policy.yml', stringify({ version: 1, 'release-keys': ['key.pub'], 'accept-signature-only': true }))
  put('secret', 'secret')
  put(
    'plan.yml',
    stringify({
      version: 1,
      resources: [
        {
          uri: 'kbs:///ci/signing/key',
          source: `file:${place}/secret`,
          kind: 'workload',
          admit: [{ technology: 'sample', measurements: ['00'.repeat(48)] }],
        },
      ],
    }),
  )
  const ports = testPorts()
  await putSmallImage(openStore(parseReference(`oci:${place}/app`, '/'), ports), smallFiles)
  const run = actionRunner(ports, join(ports.roots.temp, 'state'))
  const image = `oci:${place}/app`
  await run('sign-attest', { image, signer: 'key', key: `${place}/key.pem`, statements: 'sign' })
  await run('sbom', { image, directory: `${place}/docs-before` })
  const typed = (line: string): Promise<unknown> => succeed(line.replaceAll('PLACE', place).split(' '))
  await Promise.all([
    typed('sign model PLACE/src --key PLACE/key.pem --output PLACE/model.sig'),
    typed('log init PLACE/log --origin log.example.internal --key PLACE/log.pem'),
    typed('tee collect --report-data 00 --technology sample --output PLACE/evidence.json'),
  ])
  for (const copy of ['lost', 'archive']) cpSync(join(place, 'app'), join(place, copy), { recursive: true })
  await typed(
    'archive record oci:PLACE/archive:latest --in-production 2026-01-01T00:00:00Z..2026-02-01T00:00:00Z --key PLACE/status.pem',
  )
  // The image alone is listed, nothing that is attached to it.
  const index = JSON.parse(readFileSync(join(place, 'lost/index.json'), 'utf8')) as {
    manifests: { annotations?: Record<string, string> }[]
  }
  index.manifests = index.manifests.filter(
    ({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === 'latest',
  )
  put('lost/index.json', JSON.stringify(index))
  return place
}
