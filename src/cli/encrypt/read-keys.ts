import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { machineAttester } from '../../agent/machine/attester.ts'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { technologies } from '../../base/technology.ts'
import type { RawInputs } from '../../doors/context.ts'
import { readPrivateKey, type DecryptionKeys } from '../../encrypt/open-key.ts'
import { isKeyUri, kekBytes } from '../../encrypt/packet.ts'
import { namedFile } from '../option-file.ts'

/** KEKs of files, each for one URI or for all (''), and of a KBS. */
export interface Keks {
  readonly kek: (uri: string) => Promise<Buffer | null>
  readonly files: ReadonlyMap<string, Buffer>
  close(): Promise<void>
}

/** @throws InputError `input-invalid`, `file-missing`, `file-invalid`; nothing is asked of a KBS before its first key is needed */
export async function readKeks(inputs: RawInputs, ports: Ports): Promise<Keks> {
  const files = new Map<string, Buffer>()
  for (const text of inputs.list('key-file')) {
    const [, uri = '', path = ''] = /^(?:(kbs:[^=]*)=)?(.*)$/.exec(text) ?? []
    if (uri !== '' && !isKeyUri(uri))
      throw invalid(`"${uri}" is not kbs:///repo/type/tag`, 'Write kbs:///REPOSITORY/TYPE/TAG=FILE, or FILE alone.')
    if (files.has(uri))
      throw invalid(`there is more than one key for ${uri === '' ? 'all URIs' : uri}`, 'Give one file for each URI.')
    const bytes = await namedFile(resolve(ports.roots.cwd, path), 'key-file')
    if (bytes.length !== kekBytes)
      throw new InputError('file-invalid', `key-file: "${path}" holds ${bytes.length} bytes`, {
        subject: 'key-file',
        remedy: 'A key is exactly 32 raw bytes: head -c 32 /dev/urandom > FILE.',
      })
    files.set(uri, bytes)
  }
  const kbs = await namedKbs(inputs, ports)
  const kek = async (uri: string): Promise<Buffer | null> =>
    files.get(uri) ?? files.get('') ?? (await kbs?.resource(uri)) ?? null
  return { kek, files, close: async () => kbs?.close() }
}

/** Runs `use` with the keys that the options name. @throws InputError `input-missing` where none is named */
export async function withKeys<T>(
  inputs: RawInputs,
  ports: Ports,
  use: (keys: DecryptionKeys) => Promise<T>,
): Promise<T> {
  const texts = inputs.list('decryption-key')
  const command = inputs.text('unwrap-command')
  if (texts.length === 0 && ['key-file', 'kbs-url', 'unwrap-command'].every((name) => inputs.text(name) === ''))
    throw new InputError('input-missing', 'no key was given', {
      subject: 'decryption-key',
      remedy: 'Give `decryption-key`, `key-file`, `kbs-url` or `unwrap-command`.',
    })
  const privateKeys = []
  for (const text of texts) privateKeys.push(readPrivateKey(await secretText(text, ports), 'decryption-key'))
  const { tokenCommand } = await import('../../tasks/encrypt/token-command.ts')
  const keks = await readKeks(inputs, ports)
  try {
    return await use({
      privateKeys,
      kek: keks.kek,
      ...(command === '' ? {} : { token: tokenCommand(inputs.path('unwrap-command'), ports) }),
    })
  } finally {
    await keks.close()
  }
}

async function secretText(text: string, ports: Ports): Promise<string> {
  const value = text.startsWith('env:')
    ? ports.env[text.slice(4)]
    : await readFile(resolve(ports.roots.cwd, text), 'utf8').catch(() => undefined)
  if (value !== undefined) return value
  // The value itself is not shown: it may be the secret, typed by mistake.
  throw new InputError('input-invalid', 'decryption-key names neither a set environment variable nor a file', {
    subject: 'decryption-key',
    remedy: 'Write env:NAME for an environment variable, or the path of a file. A literal secret is refused.',
  })
}

/** A KBS that this machine attests itself to, by URIs of its resources. */
export interface NamedKbs {
  resource(uri: string): Promise<Buffer>
  close(): Promise<void>
}

/** The KBS of `kbs-url`; null without one. Its session begins with the first resource. @throws InputError `input-invalid`, `file-missing` */
export async function namedKbs(inputs: RawInputs, ports: Ports): Promise<NamedKbs | null> {
  const technology = inputs.choice('technology', ['auto', ...technologies])
  if (inputs.text('kbs-url') === '') return null
  const { checkStands, openKbs } = await import('../../kbs-server/connect.ts')
  const { rcarSession } = await import('../../kbs/rcar.ts')
  const { parseKbsUri } = await import('../../kbs/uri.ts')
  checkStands(inputs.text('kbs-url'), ports.roots.cwd)
  const kbs = await openKbs(inputs.text('kbs-url'), ports)
  let session: ReturnType<typeof rcarSession> | null = null
  return {
    resource: async (uri) => {
      session ??= rcarSession(kbs.url, await machineAttester(technology, {}, ports), ports)
      return session.resource(parseKbsUri(uri))
    },
    close: () => kbs.close(),
  }
}

function invalid(message: string, remedy: string): InputError {
  return new InputError('input-invalid', `key-file: ${message}`, { subject: 'key-file', remedy })
}
