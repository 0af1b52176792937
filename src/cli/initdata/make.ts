import { basename } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { readNamedFile } from '../../base/files.ts'
import { sizeInWords } from '../../base/size.ts'
import type { RawInputs } from '../../doors/context.ts'
import { initdataAnnotation } from '../../initdata/annotation.ts'
import { initdataBinding, keepsWhole, type InitdataPlatform } from '../../initdata/bindings.ts'
import { initdataAlgorithms, readInitdata } from '../../initdata/document.ts'
import { keptInitdata, makeInitdata, type MadeInitdata } from '../../initdata/make.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'

/** Makes the document of the named files and writes it. */
export async function initdataMake(inputs: RawInputs): Promise<CommandResult> {
  const algorithm = inputs.choice('algorithm', initdataAlgorithms)
  const parts = new Map<string, string>()
  for (const part of inputs.list('file')) {
    const path = inputs.path('file', part)
    const name = basename(path)
    if (parts.has(name))
      throw new InputError('input-invalid', `file: two files are called ${name}`, { subject: 'file' })
    parts.set(name, textOf(await readNamedFile(path, 'file'), name))
  }
  const made = makeInitdata(parts, algorithm)
  return shown(made, await writeNewFile(inputs, 'output', made.bytes))
}

/** Shows a document that stays as it is. */
export async function initdataShow(inputs: RawInputs): Promise<CommandResult> {
  const path = inputs.path('file')
  return shown(keptInitdata(await readNamedFile(path, 'file')), path)
}

/** A document holds text only: bytes that aren't would come out of the guest as others. */
function textOf(bytes: Buffer, name: string): string {
  const text = bytes.toString('utf8')
  if (Buffer.from(text, 'utf8').equals(bytes)) return text
  throw new InputError('input-invalid', `${name}: is not UTF-8 text, which is all that initdata holds`, {
    subject: 'file',
  })
}

/** A platform that doesn't keep the whole digest has null. */
function shown({ algorithm, bytes, digest, annotation }: MadeInitdata, path: string): CommandResult {
  const raw = Buffer.from(digest, 'hex')
  const value = (platform: InitdataPlatform): string | null =>
    keepsWhole(platform, raw.length) ? initdataBinding(raw, platform).toString('hex') : null
  const values = { snp: value('snp'), tdx: value('tdx'), tpm: value('tpm') }
  const files = [...readInitdata(bytes, path).files].map(([name, text]) => ({ name, size: Buffer.byteLength(text) }))
  const none = 'does not keep the whole digest; use sha256'
  const text = [
    `${path}: ${algorithm} ${digest}`,
    ...files.map(({ name, size }) => `  ${name}: ${sizeInWords(size)}`),
    `SNP HOST_DATA: ${values.snp ?? none}`,
    `TDX MRCONFIGID: ${values.tdx ?? none}`,
    `TPM PCR 8: ${values.tpm ?? none}`,
    `${initdataAnnotation}: ${annotation}`,
    '',
  ].join('\n')
  return { outputs: { path, algorithm, digest, ...values, files, annotation }, text }
}
