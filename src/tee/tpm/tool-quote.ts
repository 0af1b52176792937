import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { ByteReader } from '../byte-reader.ts'
import { parseQuote } from '../verify/tpm/attest.ts'
import { pcrDigest } from '../verify/tpm/selection.ts'
import { parseSignature } from '../verify/tpm/signature.ts'
import { parseToolPcrs } from './tool-pcrs.ts'
import { everyPcr } from './pcr.ts'
import type { TakenQuote } from './quote.ts'
import type { KeyKind } from './templates.ts'
import { toolEnvironment } from './tool-transport.ts'

const attributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign'
const kinds = { ecc: 'ecc256:ecdsa-sha256:null', rsa: 'rsa2048:rsassa-sha256:null' } as const

/**
 * The quote of `quoteWithValues` by tpm2-tools: the same key, since the template is the same.
 *
 * @throws TransportError `tool-failed`
 */
export async function quoteByTools(
  kind: KeyKind,
  qualifyingData: Uint8Array,
  ports: Ports,
): Promise<TakenQuote & { values: Map<number, Buffer>; area: Buffer }> {
  const folder = await mkdtemp(join(ports.roots.temp, 'tpm-'))
  const run = (tool: string, ...args: string[]) =>
    ports.exec.run(tool, args, { cwd: folder, env: toolEnvironment(ports) })
  try {
    await run('tpm2_createprimary', '-Q', '-C', 'e', '-G', kinds[kind], '-g', 'sha256', '-a', attributes, '-c', 'ak')
    await run('tpm2_readpublic', '-Q', '-c', 'ak', '-f', 'tss', '-o', 'ak.pub')
    const area = new ByteReader(await readFile(join(folder, 'ak.pub')), 'TPM2B_PUBLIC', 'BE').sized16('area', 2048)
    for (let n = 0; n < 10; n++) {
      const data = Buffer.from(qualifyingData).toString('hex')
      const outputs = ['-m', 'message', '-s', 'signature', '-f', 'tss', '-o', 'pcrs']
      await run(
        'tpm2_quote',
        '-Q',
        '-c',
        'ak',
        '-l',
        `sha256:${everyPcr.join(',')}`,
        '-q',
        data,
        '-g',
        'sha256',
        ...outputs,
      )
      const message = await readFile(join(folder, 'message'))
      const signature = await readFile(join(folder, 'signature'))
      const { selection, values } = parseToolPcrs(await readFile(join(folder, 'pcrs')))
      const wanted = pcrDigest(parseSignature(signature).hash, selection, values)
      const bank = values.get('sha256')
      if (bank !== undefined && parseQuote(message).pcrDigest.equals(wanted)) {
        return { message, signature, values: new Map(bank), area }
      }
    }
    throw new TransportError('tool-failed', 'the PCRs kept changing while they were quoted', { subject: 'tpm2_quote' })
  } finally {
    // Without a resource manager the key stays in the TPM; with one there is nothing to flush.
    await run('tpm2_flushcontext', '-t').catch(() => {})
    await rm(folder, { recursive: true, force: true })
  }
}
