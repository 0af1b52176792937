import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isObject, parseJson } from '../src/base/json.ts'
import { fieldOf } from '../src/encoding/protobuf.ts'
import type { Descriptor } from '../src/oci/types.ts'
import { peer } from './peers.ts'
import { scratch } from './ports.ts'

/** What `ctd-decoder` (tools/ctd-decoder, over ocicrypt) came to. */
export interface Decoded {
  readonly code: number | null
  readonly bytes: Buffer
  /** Its words where it refuses. */
  readonly said: string
}

export interface DecoderOptions {
  /** Folder of private keys, certificates and PKCS#11 key files. */
  readonly keys?: string | undefined
  /** `OCICRYPT_KEYPROVIDER_CONFIG`, `OCICRYPT_CONFIG` and what those programs need. */
  readonly env?: Readonly<Record<string, string>> | undefined
}

/** Opens a layer as containerd has it opened: ciphertext on stdin, the descriptor in a protobuf `Any` on descriptor 3. */
export function decode(layer: Descriptor, sealed: Uint8Array, { keys, env }: DecoderOptions): Promise<Decoded> {
  const payload = Buffer.from(JSON.stringify({ DecryptConfig: { Parameters: null }, Descriptor: layer }))
  const any = Buffer.concat([fieldOf(1, 'io.containerd.ocicrypt.v1.Payload'), fieldOf(2, payload)])
  return run(keys === undefined ? [] : ['-decryption-keys-path', keys], sealed, any, env)
}

/**
 * Encrypts a layer with ocicrypt. Where `layer` has keys already, recipients are added and `bytes` come back empty.
 *
 * @param recipients `jwe:FILE`, `pkcs7:FILE`, `pkcs11:FILE`, `provider:NAME[:PARAMETER]`
 * @returns annotations of the encrypted layer, null where it refused
 */
export async function encode(
  recipients: readonly string[],
  layer: Descriptor,
  plain: Uint8Array,
  { keys, env }: DecoderOptions,
): Promise<Decoded & { annotations: Record<string, string> | null }> {
  const folder = scratch('encoded')
  await writeFile(join(folder, 'descriptor'), JSON.stringify(layer))
  const args = ['-descriptor', join(folder, 'descriptor'), '-annotations', join(folder, 'annotations')]
  if (keys !== undefined) args.push('-decryption-keys-path', keys)
  const done = await run([...args, ...recipients.flatMap((one) => ['-encrypt', one])], plain, null, env)
  if (done.code !== 0) return { ...done, annotations: null }
  const read = parseJson(await readFile(join(folder, 'annotations'), 'utf8'), 'annotations')
  const entries = Object.entries(isObject(read) ? read : {})
  return { ...done, annotations: Object.fromEntries(entries.map(([name, value]) => [name, String(value)])) }
}

function run(
  args: readonly string[],
  input: Uint8Array,
  payload: Buffer | null,
  env: Readonly<Record<string, string>> = {},
): Promise<Decoded> {
  return new Promise((done, reject) => {
    const child = spawn(peer('ctd-decoder'), args, {
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    })
    const chunks: Buffer[] = []
    let said = ''
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.once('error', reject)
    child.once('close', (code) => done({ code, bytes: Buffer.concat(chunks), said }))
    // It refuses before it has read everything.
    child.stdin?.on('error', () => {}).end(input)
    const third = child.stdio[3]
    if (third !== null && third !== undefined && 'end' in third) third.on('error', () => {}).end(payload ?? '')
  })
}
