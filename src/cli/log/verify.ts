import { VerificationError } from '../../base/errors.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { fileMemory } from '../../log/memory.ts'
import { currentHead, readHead } from '../../log/open-log.ts'
import { openLogFiles } from '../../log/open-store.ts'
import { verifyLogged, type PinnedLog } from '../../log/pinned-log.ts'
import { continues } from '../../log/resume.ts'
import { verifyLog } from '../../log/verify-log.ts'
import { cosignaturesOf } from '../../sign/cosignature.ts'
import { parseSignedNote } from '../../sign/signed-note.ts'
import type { CommandResult } from '../command.ts'
import { optionFile } from '../option-file.ts'
import { oneOf, pinnedOption } from './common.ts'
import { namedSignature, signersOption } from './signed-by.ts'

/** `log verify`: a whole log, or one bundle offline. */
export async function logVerify(inputs: RawInputs, context: ActionContext): Promise<CommandResult> {
  const pinned = await pinnedOption(inputs)
  return oneOf(inputs, ['log', 'bundle']) === 'log'
    ? verifyWhole(inputs, context, pinned)
    : verifyOne(inputs, context, pinned)
}

async function verifyWhole(inputs: RawInputs, { ports }: ActionContext, pinned: PinnedLog): Promise<CommandResult> {
  const files = openLogFiles(inputs.required('log'), ports)
  const head = await currentHead(files, pinned.key)
  const memory = inputs.text('last') === '' ? null : fileMemory(inputs.path('last'))
  const last = await memory?.recall()
  if (last !== null && last !== undefined) await continues(files, readHead(last, pinned.key, memory?.name ?? ''), head)
  const witnesses = cosignaturesOf(parseSignedNote(head.note, files.name), pinned.witnesses)
  if (witnesses.length < pinned.quorum) {
    throw new VerificationError(
      'unwitnessed',
      `${witnesses.length} of ${pinned.quorum} required witnesses cosigned the checkpoint of ${files.name}`,
      {
        subject: files.name,
        remedy: 'Let the witnesses cosign it: sealwright log witness.',
      },
    )
  }
  await verifyLog(files, head, (_, index) => {
    if (index % 10_000 === 0) ports.log.progress(`${index} of ${head.size} entries`)
  })
  await memory?.remember(head.note)
  const continued = last === null || last === undefined ? '' : ', continues the last checkpoint seen'
  return {
    outputs: { verified: true, origin: pinned.origin, size: head.size, root: head.root.toString('hex') },
    text: `${files.name}: verified, ${head.size} entries${continued}\n`,
  }
}

async function verifyOne(inputs: RawInputs, context: ActionContext, pinned: PinnedLog): Promise<CommandResult> {
  const bundle = await optionFile(inputs, 'bundle')
  const { signer } = namedSignature(bundle, await signersOption(inputs, context), 'bundle')
  const proof = verifyLogged(bundle, signer, pinned)
  if (proof === null) {
    throw new VerificationError('unlogged', `the bundle has no entry of the log ${pinned.origin}`, {
      subject: pinned.origin,
      remedy: 'Append it: sealwright log append.',
    })
  }
  const cosignatures = proof.cosignatures.map(({ witness, time }) => ({ witness, time: time.toISOString() }))
  const seen = cosignatures.map(({ witness, time }) => `  seen by ${witness} at ${time}\n`).join('')
  return {
    outputs: { verified: true, origin: pinned.origin, index: proof.index, cosignatures },
    text: `verified: entry ${proof.index} of ${pinned.origin}\n${seen}`,
  }
}
