import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startKbs } from '../../../src/kbs-server/server.ts'
import { attestationTemplate, endorsementTemplate } from '../../../src/tee/tpm/templates.ts'
import { encodeKeys, makeChallenge } from '../../../src/tee/tpm/enrolment.ts'
import { referenceValuesType, writeReferenceValues, type ReferenceValues } from '../../../src/tee/reference/values.ts'
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
  put('initdata.toml', 'version = "0.1.0"\nalgorithm = "sha256"\n[data]\n"aa.toml" = ""\n')
  put('key.pem', key.privateKey.export(pkcs8))
  put('key.pub', key.publicKey.export(spki))
  put('log.pem', log.privateKey.export(pkcs8))
  put('status.pem', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(pkcs8))
  put('new-log.pem', generateKeyPairSync('ed25519').privateKey.export(pkcs8))
  put('log.pub', log.publicKey.export(spki))
  const reader = generateKeyPairSync('rsa', { modulusLength: 2048 })
  put('rsa.pub', reader.publicKey.export(spki))
  put('rsa.pem', reader.privateKey.export(pkcs8))
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
  put('values.json', writeReferenceValues(values))
  const tpm = { ek: areaOf(endorsementTemplate('ecc')), ak: areaOf(attestationTemplate('ecc')), certificate: null }
  const answer = randomBytes(32)
  put('keys.json', encodeKeys(tpm))
  put('pending.json', makeChallenge(tpm, null, answer, new Date()).pending)
  put('answer.bin', answer)
  const ports = testPorts()
  await putSmallImage(openStore(parseReference(`oci:${place}/app`, '/'), ports), smallFiles)
  await (await startKbs({ directory: join(place, 'stood'), listen: '127.0.0.1:0', ports })).close()
  const run = actionRunner(ports, join(ports.roots.temp, 'state'))
  const image = `oci:${place}/app`
  await run('sign-attest', { image, signer: 'key', key: `${place}/key.pem`, statements: 'sign' })
  await run('encrypt', { image, recipients: `jwe:${place}/rsa.pub`, output: `oci:${place}/closed` })
  await run('sbom', { image, directory: `${place}/docs-before` })
  const typed = (line: string): Promise<unknown> => succeed(line.replaceAll('PLACE', place).split(' '))
  await typed('sign model PLACE/src --key PLACE/key.pem --output PLACE/known.sig')
  await Promise.all([
    typed('sign model PLACE/src --key PLACE/key.pem --output PLACE/model.sig'),
    typed('log init PLACE/log --origin log.example.internal --key PLACE/log.pem').then(() =>
      typed('log append PLACE/log PLACE/known.sig --public-key PLACE/key.pub --key PLACE/log.pem'),
    ),
    typed('tee reference-values sign --document PLACE/values.json --key PLACE/key.pem --output PLACE/values.dsse.json'),
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

/** A value that Trustee's default policy compares. */
const values: ReferenceValues = {
  type: referenceValuesType,
  name: 'runner',
  technology: 'tpm',
  covers: ['kernel'],
  storage: 'exposed',
  level: 'machine-only',
  inputs: {},
  values: [{ shape: {}, measured: { pcr11: '11'.repeat(32) } }],
}

/** TPMT_PUBLIC of a key that no TPM holds: the template, with a point of the curve in place of the one that a TPM would choose. */
function areaOf(template: Buffer): Buffer {
  const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
  const part = (text: string): Buffer => Buffer.concat([Buffer.of(0, 32), Buffer.from(text, 'base64url')])
  // Two lengths, each with its bytes; those of an endorsement key hold zeros.
  const unique = template.subarray(-4).equals(Buffer.alloc(4)) && template.length > 100 ? 68 : 4
  return Buffer.concat([template.subarray(0, -unique), part(x), part(y)])
}
