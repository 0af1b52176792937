import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFile } from '../../base/write-file.ts'
import { exitFinding, pulledReference, runProgram, versionIn } from './run.ts'
import type { Program } from './types.ts'

/** `notation verify` with a trust policy and a trust store of the given roots alone. Revocation is not asked for: it would contact strangers' hosts. */
export const notationProgram: Program = {
  reader: 'notation@1.3',
  find: async (ports) => {
    const path = await ports.exec.find('notation')
    if (path === null) return null
    const { code, stdout } = await runProgram(path, ['version'], ports)
    const version = code === 0 ? versionIn(stdout.toString('utf8')) : null
    return version?.startsWith('1.') === true ? { path, name: `notation ${version}` } : null
  },
  ask: async (program, image, { trustStore }, folder, ports) => {
    const reference = pulledReference(image)
    if (reference === null || trustStore.length === 0) return null
    const home = join(folder, 'notation')
    const store = join(home, 'notation/truststore/x509/ca/given')
    await mkdir(store, { recursive: true })
    for (const [index, pem] of trustStore.entries()) await writeFile(join(store, `${index}.pem`), pem)
    const policy = {
      name: 'given',
      registryScopes: ['*'],
      signatureVerification: { level: 'strict', override: { revocation: 'skip' } },
      trustStores: ['ca:given'],
      trustedIdentities: ['*'],
    }
    await writeFile(
      join(home, 'notation/trustpolicy.json'),
      JSON.stringify({ version: '1.0', trustPolicies: [policy] }),
    )
    const insecure = image.registry?.loopback === true ? ['--insecure-registry'] : []
    return exitFinding(
      await runProgram(program.path, ['verify', ...insecure, reference], ports, { XDG_CONFIG_HOME: home }),
    )
  },
}
