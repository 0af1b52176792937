import { join } from 'node:path'
import { writeFile } from '../../base/write-file.ts'
import { VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { isObject, parseJson } from '../../base/json.ts'
import { exitFinding, pulledReference, runProgram, versionIn } from './run.ts'
import type { Program } from './types.ts'

/** `cosign verify` of one major version, with a public key, or (version 3) with an identity and the given trusted root. */
function cosign(major: 2 | 3, reader: string): Program {
  return {
    reader,
    find: async (ports) => {
      for (const name of [`cosign${major}`, 'cosign']) {
        const path = await ports.exec.find(name)
        const version = path === null ? null : await cosignVersion(path, ports)
        if (path !== null && version?.startsWith(`${major}`) === true) return { path, name: `cosign ${version}` }
      }
      return null
    },
    ask: async (program, image, given, folder, ports) => {
      const reference = pulledReference(image)
      if (reference === null) return null
      const signer: string[] = []
      if (given.publicKey !== null) {
        const file = join(folder, `cosign${major}.pub`)
        await writeFile(file, given.publicKey)
        // No public log is asked for: the statement is about this key alone, as the model's.
        signer.push('--key', file, '--private-infrastructure=true')
      } else if (major === 3 && given.identity !== null && given.trustedRoot !== null) {
        const file = join(folder, 'trusted-root.json')
        await writeFile(file, given.trustedRoot)
        const { san, issuer } = given.identity
        signer.push('--certificate-identity', san, '--certificate-oidc-issuer', issuer, '--trusted-root', file)
      } else return null
      // A home of its own: cosign keeps metadata of the public instance there.
      const result = await runProgram(program.path, ['verify', ...signer, reference], ports, {
        TUF_ROOT: join(folder, 'tuf'),
      })
      return exitFinding(result)
    },
  }
}

/** Builds by `go install` and Debian's call themselves "devel": these are told apart by an option that version 3 turned on. */
async function cosignVersion(path: string, ports: Ports): Promise<string | null> {
  const { code, stdout } = await runProgram(path, ['version', '--json'], ports)
  if (code !== 0) return null
  const told = toldVersion(stdout.toString('utf8').trim())
  const version = told === null ? null : versionIn(told)
  if (told === null || version !== null) return version
  const help = await runProgram(path, ['sign', '--help'], ports)
  return help.stdout.toString('utf8').includes('--use-signing-config=true') ? '3 (devel build)' : '2 (devel build)'
}

/** What a cosign says of itself; null for another program of this name. */
function toldVersion(text: string): string | null {
  try {
    const told = parseJson(text, 'cosign version')
    return isObject(told) && typeof told['gitVersion'] === 'string' ? told['gitVersion'] : null
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return null
  }
}

export const cosignPrograms: readonly Program[] = [cosign(2, 'cosign@2.5'), cosign(3, 'cosign@3.1')]
