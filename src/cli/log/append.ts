import { InputError, SealwrightError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { envelopeEntry, signedEntry, withLogEntry } from '../../log/bundle-entry.ts'
import { checkpointFile } from '../../log/files.ts'
import { openLogStore } from '../../log/open-store.ts'
import { openRecorder } from '../../log/recorder.ts'
import { tlogEntry } from '../../log/tlog-entry.ts'
import { resolveImage } from '../../oci/open.ts'
import { findStatements } from '../../sign/find.ts'
import { verifySignature } from '../../sign/public-key.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'
import { optionFile } from '../option-file.ts'
import { requireImageName } from '../file-or-image.ts'
import { isFile, signerMemory, signerOption, witnessesOption } from './common.ts'
import { namedSignature, signersOption, type NamedSigners } from './signed-by.ts'

/** Entries of what the user named, and the bundle where it is one. */
interface Asked {
  bodies: Buffer[]
  bundle: Buffer | null
}

/** `log append`. */
export async function logAppend(inputs: RawInputs, context: ActionContext): Promise<CommandResult> {
  const { ports } = context
  const { bodies, bundle } = await askedFor(inputs, await signersOption(inputs, context), ports)
  if (inputs.text('output') !== '' && bundle === null) {
    throw new InputError('input-invalid', '--output: only a bundle is written with its log entry', {
      subject: 'output',
      remedy: 'Leave --output out, or name a bundle.',
    })
  }
  const store = openLogStore(inputs.required('log'), ports)
  const origin = await originOf(store.read(checkpointFile, 1 << 16), store.name)
  const signer = await signerOption(inputs, origin)
  const recorder = openRecorder(store, signer, signerMemory(inputs, ports), witnessesOption(inputs, ports), ports)
  const recorded = await Promise.all(bodies.map((body) => recorder.record(body)))
  const entries = recorded.map((one) => ({ index: one.index, state: one.state }))
  const [first] = recorded
  const outputs = { log: store.name, entries, size: first?.head.size ?? 0 }
  const text = entries.map(({ index, state }) => `entry ${index}: ${state}\n`).join('')
  if (bundle === null || first === undefined || inputs.text('output') === '') return { outputs, text }
  const path = await writeNewFile(inputs, 'output', withLogEntry(bundle, tlogEntry(first)))
  return { outputs: { ...outputs, 'bundle-path': path }, text: `${text}${path}\n` }
}

/** The name of the log is in its checkpoint; that the key signed it is checked before anything is appended. */
async function originOf(note: Promise<Buffer | null>, name: string): Promise<string> {
  const bytes = await note
  if (bytes !== null) return bytes.toString('utf8').split('\n', 1)[0] ?? ''
  throw new InputError('not-found', `${name} does not hold a log: it has no checkpoint`, {
    subject: name,
    remedy: 'Make one with sealwright log init, or name its directory.',
  })
}

async function askedFor(inputs: RawInputs, signers: NamedSigners, ports: Ports): Promise<Asked> {
  const word = inputs.required('entry')
  if (!(await isFile(inputs.path('entry')))) {
    requireImageName(word, ports.roots.cwd)
    return { bodies: await imageEntries(word, signers, ports), bundle: null }
  }
  const bytes = await optionFile(inputs, 'entry')
  if (inputs.text('signature') === '') {
    return { bodies: [namedSignature(bytes, signers, word).body], bundle: bytes }
  }
  const given = await optionFile(inputs, 'signature')
  const text = given.toString('latin1').trim()
  const signature = /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : given
  const key = signers.keys.find((one) => verifySignature(one, bytes, signature))
  if (key !== undefined) return { bodies: [signedEntry(bytes, signature, key.object)], bundle: null }
  throw new InputError('input-invalid', `--signature: no key of --public-key made this signature over "${word}"`, {
    subject: 'signature',
    remedy: 'Give the signature over SHA-256 of the file, and the public key of its signer.',
  })
}

/** An entry for each statement of the image that a named signer signed. */
async function imageEntries(text: string, signers: NamedSigners, ports: Ports): Promise<Buffer[]> {
  const { store, descriptor, reference } = await resolveImage(text, ports)
  const found = await findStatements(store, descriptor, { onBroken: () => {} })
  const bodies = found.flatMap(({ envelope, bundle }) => {
    try {
      return [
        bundle === null
          ? envelopeEntry(envelope, signers.keys, reference)
          : namedSignature(bundle, signers, reference).body,
      ]
    } catch (error) {
      // Others sign too; what no named signer signed is not logged.
      if (error instanceof SealwrightError) return []
      throw error
    }
  })
  if (bodies.length > 0) return bodies
  throw new InputError('not-found', `"${reference}" carries no statement that a named signer signed`, {
    subject: reference,
    remedy: 'Check the image, and --public-key, or --identity with --issuer and --trusted-root.',
  })
}
