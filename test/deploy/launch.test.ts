import { InputError } from '../../src/base/errors.ts'
import type { ExecResult } from '../../src/base/ports.ts'
import { launch, type LaunchRequest } from '../../src/deploy/launch.ts'
import type { Store } from '../../src/oci/types.ts'
import { testPorts } from '../../testkit/ports.ts'

const digest = `sha256:${'a'.repeat(64)}` as const
const request = {
  kind: 'podman',
  store: { kind: 'registry', name: 'registry.example/app' } as Store,
  digest,
  directory: '/nowhere',
  encrypted: false,
} as LaunchRequest

function running(stdout: string): { ports: ReturnType<typeof testPorts>; calls: string[][] } {
  const calls: string[][] = []
  const exec = {
    find: (): Promise<string> => Promise.resolve('/usr/bin/podman'),
    run: (command: string, args: readonly string[]): Promise<ExecResult> => {
      calls.push([command, ...args])
      return Promise.resolve({ code: 0, stdout: Buffer.from(stdout), stderr: '' })
    },
  }
  return { ports: testPorts({ exec }), calls }
}

test('a container runs by digest, read-only, without capabilities', async () => {
  const { ports, calls } = running(`${'b'.repeat(64)}\n`)
  expect(await launch(request, ports)).toEqual([`podman runs registry.example/app@${digest} as ${'b'.repeat(12)}`])
  expect(calls).toEqual([
    [
      'podman',
      'run',
      '--detach',
      '--read-only',
      '--cap-drop=ALL',
      '--security-opt=no-new-privileges',
      `registry.example/app@${digest}`,
    ],
  ])
})

test('none does nothing', async () => {
  const { ports, calls } = running('')
  expect(await launch({ ...request, kind: 'none' }, ports)).toEqual([])
  expect(calls).toEqual([])
})

test('an answer that is no container is a refusal', async () => {
  await expect(launch(request, running('Error: no\n').ports)).rejects.toMatchObject({ code: 'launch-refused' })
})

test('an encrypted image is not handed to a container program', async () => {
  const { ports, calls } = running('')
  await expect(launch({ ...request, encrypted: true }, ports)).rejects.toBeInstanceOf(InputError)
  expect(calls).toEqual([])
})
