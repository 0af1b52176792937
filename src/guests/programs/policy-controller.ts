import { join } from 'node:path'
import { writeFile } from '../../base/write-file.ts'
import { exitFinding, pulledReference, runProgram, versionIn } from './run.ts'
import type { Program } from './types.ts'

/** policy-controller's `cmd/tester`, which judges an image by a ClusterImagePolicy without a cluster. Looked for under a name that says what it is. */
export const policyControllerProgram: Program = {
  reader: 'policy-controller@0.13',
  find: async (ports) => {
    const path = await ports.exec.find('policy-controller-tester')
    if (path === null) return null
    const { code, stdout } = await runProgram(path, ['-version'], ports)
    if (code !== 0) return null
    return {
      path,
      name: `policy-controller tester ${versionIn(stdout.toString('utf8').split('\n')[0] ?? '') ?? '(devel build)'}`,
    }
  },
  ask: async (program, image, { publicKey }, folder, ports) => {
    const reference = pulledReference(image)
    if (reference === null || publicKey === null) return null
    const file = join(folder, 'policy.json')
    const policy = {
      apiVersion: 'policy.sigstore.dev/v1beta1',
      kind: 'ClusterImagePolicy',
      metadata: { name: 'given' },
      // Without ctlog the key alone counts.
      spec: { images: [{ glob: '**' }], authorities: [{ name: 'given', key: { data: publicKey } }] },
    }
    await writeFile(file, JSON.stringify(policy))
    const args = ['-policy', file, '-image', reference, '-log-level', 'error']
    return exitFinding(await runProgram(program.path, args, ports, { TUF_ROOT: join(folder, 'tuf') }))
  },
}
