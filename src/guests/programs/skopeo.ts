import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFile } from '../../base/write-file.ts'
import { formatPlatform } from '../../image/platforms.ts'
import { exitFinding, pulledReference, runProgram, versionIn } from './run.ts'
import type { Program } from './types.ts'

/** `skopeo copy` into a folder that is removed again, with a policy that accepts anything; with a key its signatures are the model's business. */
export const skopeoProgram: Program = {
  reader: 'skopeo@1.22',
  find: async (ports) => {
    const path = await ports.exec.find('skopeo')
    if (path === null) return null
    const { code, stdout } = await runProgram(path, ['--version'], ports)
    const version = code === 0 ? versionIn(stdout.toString('utf8')) : null
    return version === null ? null : { path, name: `skopeo ${version}` }
  },
  ask: async (program, image, { pull, publicKey, identity }, folder, ports) => {
    const reference = pulledReference(image)
    // Debian's builds leave sigstoreSigned out: with a signer the answer would be about the build.
    if (reference === null || !pull || publicKey !== null || identity !== null) return null
    const policy = join(folder, 'policy.json')
    await writeFile(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }))
    const target = join(folder, 'skopeo')
    const { os, architecture, variant } = image.platform
    const platform = [
      '--override-os',
      os,
      '--override-arch',
      architecture,
      ...(variant === undefined ? [] : ['--override-variant', variant]),
    ]
    const insecure = image.registry?.loopback === true ? ['--src-tls-verify=false'] : []
    ports.log.progress(`skopeo copies ${reference} (${formatPlatform(image.platform)})`)
    try {
      const args = ['--policy', policy, ...platform, 'copy', ...insecure, `docker://${reference}`, `dir:${target}`]
      return exitFinding(await runProgram(program.path, args, ports))
    } finally {
      await rm(target, { recursive: true, force: true })
    }
  },
}
