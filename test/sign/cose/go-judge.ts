import { spawnSync } from 'node:child_process'
import type { KeyObject } from 'node:crypto'
import { peer } from '../../../testkit/peers.ts'

/** What go-cose or notation-core-go is asked. */
export type GoRequest =
  | { kind: 'sign1'; message: Uint8Array; key: KeyObject; external?: Uint8Array }
  | { kind: 'notation-cose' | 'notation-jws'; message: Uint8Array }

const base64 = (bytes: Uint8Array = Buffer.alloc(0)): string => Buffer.from(bytes).toString('base64')

/** Verdicts of the Go libraries, in order: null for verified, else why not. */
export function askGo(requests: readonly GoRequest[]): (string | null)[] {
  const input = requests
    .map((one) =>
      JSON.stringify({
        kind: one.kind,
        message: base64(one.message),
        ...(one.kind === 'sign1'
          ? { external: base64(one.external), key: base64(one.key.export({ format: 'der', type: 'spki' })) }
          : {}),
      }),
    )
    .join('\n')
  const { stdout, status, stderr } = spawnSync(peer('cose-judge'), { input, encoding: 'utf8', maxBuffer: 64 << 20 })
  const lines = stdout.split('\n').slice(0, -1)
  if (status !== 0 || lines.length !== requests.length)
    throw new Error(`cose-judge answered ${lines.length}: ${stderr}`)
  return lines.map((line) => (line === 'verified' ? null : line.slice('refused '.length)))
}
