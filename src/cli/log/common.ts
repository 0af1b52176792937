import { resolve } from 'node:path'
import { stat } from 'node:fs/promises'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { RawInputs } from '../../doors/context.ts'
import { askOver, type AskWitness } from '../../log/collect-cosignatures.ts'
import { fileMemory, type Memory } from '../../log/memory.ts'
import { pinLog, type PinnedLog } from '../../log/pinned-log.ts'
import { parseWitnessKey } from '../../sign/cosignature.ts'
import { loadNoteSigner, type NoteAlgorithm, type NoteSigner } from '../../sign/note-signer.ts'
import { loadPublicKey, type PublicKey } from '../../sign/public-key.ts'
import { namedFile, optionFile } from '../option-file.ts'

/** The private key of `--key` under a name. */
export async function signerOption(
  inputs: RawInputs,
  name: string,
  algorithm: NoteAlgorithm = 'ed25519',
): Promise<NoteSigner> {
  inputs.required('key')
  return loadNoteSigner(name, (await inputs.secret('key')) ?? '', await inputs.secret('key-password'), algorithm)
}

/** Where the signer of a log remembers its last checkpoint: `--last`, else beside the key file. */
export function signerMemory(inputs: RawInputs, ports: Ports): Memory | null {
  if (inputs.text('last') !== '') return fileMemory(inputs.path('last'))
  if (!inputs.text('key').startsWith('env:')) return fileMemory(`${inputs.path('key')}.checkpoint`)
  ports.log.warn('--last is not given: a rollback of the whole log will not be noticed')
  return null
}

/** The log of `--log-key` with its witnesses. */
export async function pinnedOption(inputs: RawInputs): Promise<PinnedLog> {
  const word = inputs.required('log-key')
  const text = /^[^/+]+\+[0-9a-f]{8}\+/.test(word) ? word : (await optionFile(inputs, 'log-key')).toString('utf8')
  const origin = inputs.text('origin')
  const keys = inputs.list('witness').map((vkey) => parseWitnessKey(vkey, '--witness'))
  const quorum = inputs.text('quorum') === '' ? keys.length : inputs.integer('quorum', 1, 100)
  return pinLog(text, origin === '' ? null : origin, { keys, quorum }, '--log-key')
}

/** The keys of `--public-key`. */
export async function publicKeysOption(inputs: RawInputs, cwd: string, name = 'public-key'): Promise<PublicKey[]> {
  inputs.required(name)
  return Promise.all(
    inputs
      .list(name)
      .map(async (file) => loadPublicKey((await namedFile(resolve(cwd, file), name)).toString('utf8'), `--${name}`)),
  )
}

/** The witnesses of `--witness-url`. */
export function witnessesOption(inputs: RawInputs, ports: Ports): AskWitness[] {
  return inputs.list('witness-url').map((url) => askOver(url, ports))
}

/** Whether a word names a file that is there. */
export function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  )
}

/** Exactly one of some options. @throws InputError `input-missing`, `input-invalid` */
export function oneOf(inputs: RawInputs, names: readonly string[]): string {
  const given = names.filter((name) => inputs.text(name) !== '')
  const [first] = given
  if (first !== undefined && given.length === 1) return first
  const listed = names.map((name) => `--${name}`).join(', ')
  throw new InputError(
    first === undefined ? 'input-missing' : 'input-invalid',
    first === undefined
      ? `one of ${listed} is required`
      : `${given.map((name) => `--${name}`).join(' and ')} exclude each other`,
    { subject: first ?? names[0], remedy: `Give exactly one of ${listed}.` },
  )
}
