import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chainFault, serverStep } from '../../../src/guests/play/server.ts'
import { gatherImage } from '../../../src/guests/gather.ts'
import type { Step } from '../../../src/guests/play/step.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { startRegistry } from '../../../testkit/registry.ts'
import { putSmallImage, smallFiles } from '../../../testkit/small-image.ts'
import { testAuthority } from '../../../testkit/tls.ts'
import { storeOf } from '../../sign/fixtures.ts'

// A guest of guest-components 8246e5e0 refused what is refused here, and took what passes (docs/trustee.md).

const der = (path: string): Buffer => new X509Certificate(readFileSync(path)).raw
const pem = (path: string): string => readFileSync(path, 'utf8')

/** A certificate that signed itself. */
function own(...extensions: string[]): { certificate: string; key: string } {
  const folder = scratch('own')
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const more = ['subjectAltName=DNS:localhost,IP:127.0.0.1', ...extensions].flatMap((one) => ['-addext', one])
  execFileSync('openssl', ['req', '-x509', ...curve, '-subj', '/CN=x', '-keyout', key, '-out', certificate, ...more], {
    stdio: 'ignore',
  })
  return { certificate, key }
}
const isAuthority = 'basicConstraints=critical,CA:TRUE'
const isNone = 'basicConstraints=critical,CA:FALSE'

test('a certificate that is an authority is none for a server', () => {
  const { certificate } = own(isAuthority)
  expect(chainFault([der(certificate)], [pem(certificate)])?.[0]).toMatch('CA:TRUE')
  const { certificate: good } = own(isNone)
  expect(chainFault([der(good)], [pem(good)])).toBeNull()
})

test('the authority that issued it has to stand in cdh.toml', () => {
  const [authority, other] = [testAuthority(), testAuthority()]
  const chain = [der(authority.issue('localhost').certificate), der(authority.path)]
  expect(chainFault(chain, [pem(authority.path)])).toBeNull()
  expect(chainFault(chain.slice(0, 1), [pem(other.path), pem(authority.path)])).toBeNull()
  expect(chainFault(chain, [pem(other.path)])?.[0]).toMatch('guests do not know')
  expect(chainFault(chain, [])?.[0]).toMatch('guests do not know')
  // Without initdata nobody knows what a guest trusts.
  expect(chainFault(chain, null)).toBeNull()
})

test('a certificate without subjectAltName, and none at all', () => {
  const folder = scratch('plain')
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-addext', isNone]
  execFileSync('openssl', ['req', '-x509', ...made, '-subj', '/CN=localhost', '-keyout', key, '-out', certificate], {
    stdio: 'ignore',
  })
  expect(chainFault([der(certificate)], [pem(certificate)])?.[0]).toMatch('subjectAltName')
  expect(chainFault([], [])?.[0]).toMatch('no certificate')
})

/** The step for an image in a registry of ours. */
async function stepFor(tls: { certificate: string; key: string } | undefined, trusted: string[]): Promise<Step | null> {
  const registry = await startRegistry('referrers', { tls })
  const home = scratch('home')
  const folder = join(home, '.config/containers/certs.d', registry.host)
  if (tls !== undefined) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'ca.crt'), pem(tls.certificate))
  }
  const ports = testPorts({ env: { HOME: home } })
  try {
    const reference = `${registry.host}/team/app`
    await putSmallImage(storeOf(reference, ports), smallFiles, 'v1')
    const image = await gatherImage(`${reference}:v1`, { platform: 'linux/amd64', pullName: null }, ports)
    expect(await serverStep({ ...image, registry: { host: 'elsewhere', loopback: false } }, trusted, ports)).toBeNull()
    return await serverStep(image, trusted, ports)
  } finally {
    await registry.close()
  }
}

test('the certificate is the one that the registry shows', async () => {
  const good = own(isNone)
  expect(await stepFor(good, [pem(good.certificate)])).toMatchObject({ step: 'registry', outcome: 'passed' })
  expect(await stepFor(good, [])).toMatchObject({ outcome: 'failed' })
  const authority = own(isAuthority)
  expect(await stepFor(authority, [pem(authority.certificate)])).toMatchObject({ outcome: 'failed' })
})

test('a registry without TLS', async () => {
  expect(await stepFor(undefined, [])).toMatchObject({
    outcome: 'failed',
    why: expect.stringContaining('over https only') as string,
  })
})
