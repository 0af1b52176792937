import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ports } from '../../src/base/ports.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { Store } from '../../src/oci/types.ts'
import { runInProcess, type Performed } from '../in-process.ts'
import { scratch, testPorts } from '../ports.ts'
import { startRegistry, type RunningRegistry } from '../registry.ts'
import { livePrograms, type LivePrograms } from './programs.ts'
import { startTrustee, trusteeSampleValues, type RunningTrustee } from './trustee.ts'

/** A registry with TLS on `localhost`, a Trustee, and a publisher's folder. */
export interface Place {
  readonly programs: LivePrograms
  readonly kbs: RunningTrustee
  readonly folder: string
  /** `localhost:PORT`. */
  readonly host: string
  /** Path of the registry's certificate. */
  readonly certificate: string
  readonly ports: Ports
  /** Runs a command of ours. @throws Error when it fails */
  succeed(...argv: string[]): Promise<Performed['outputs']>
  run(...argv: string[]): Promise<Performed>
  store(reference: string): Store
  file(name: string, content: string | Buffer): string
  close(): Promise<void>
}

/** @param authority the registry shows a certificate that is an authority, as `openssl req -x509` makes it */
export async function openPlace(authority = false): Promise<Place> {
  const programs = livePrograms()
  const folder = scratch('real-guest')
  const certificate = join(folder, 'registry.crt')
  const tls = { certificate, key: join(folder, 'registry.key') }
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const about = ['-subj', '/CN=trial', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const basic = ['-addext', `basicConstraints=critical,CA:${authority ? 'TRUE' : 'FALSE'}`]
  const files = ['-keyout', tls.key, '-out', certificate]
  execFileSync('openssl', ['req', '-x509', ...curve, ...about, ...basic, ...files], { stdio: 'ignore' })
  const registry: RunningRegistry = await startRegistry('docker', { tls })
  const host = `localhost:${registry.host.split(':').at(-1)}`
  const trusted = join(folder, '.config/containers/certs.d', host)
  mkdirSync(trusted, { recursive: true })
  writeFileSync(join(trusted, 'ca.crt'), readFileSync(certificate))
  const base = testPorts()
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder }
  const ports: Ports = { ...base, env, roots: { ...base.roots, cwd: folder } }
  const kbs = await startTrustee(programs.kbs, folder)
  for (const [id, value] of Object.entries(trusteeSampleValues)) await kbs.admin.setReferenceValue(id, value)
  const run = (...argv: string[]): Promise<Performed> => runInProcess(argv, ports)
  return {
    ...{ programs, kbs, folder, host, certificate, ports, run },
    succeed: async (...argv) => {
      const { outcome, outputs, error } = await run(...argv)
      if (outcome !== 'done') throw new Error(`${argv.join(' ')}: ${outcome}: ${error?.message ?? ''}`)
      return outputs
    },
    store: (reference) => openStore(parseReference(reference, folder), ports),
    file: (name, content) => {
      writeFileSync(join(folder, name), content, { mode: 0o600 })
      return join(folder, name)
    },
    close: async () => {
      await kbs.close()
      await registry.close()
    },
  }
}
