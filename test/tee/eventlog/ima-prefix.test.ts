import { cutImaLog } from '../../../src/tee/collect/ima-cut.ts'
import { imaPrefix } from '../../../src/tee/eventlog/ima-prefix.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { recordingLog } from '../../../testkit/ports.ts'
import { bytesOf, jsonOf } from '../../../testkit/tee/tpm/vectors.ts'

const dir = 'tee/tpm/qemu-ovmf-uki'
const needs = [`vectors:${dir}`]
const list = (run: string): Buffer => bytesOf(`${dir}/${run}/ima_binary.bin`)
const value = (run: string, hash: 'sha1' | 'sha256' | 'sha384'): Buffer =>
  Buffer.from(jsonOf<Record<string, Record<string, string>>>(`${dir}/${run}/probe.json`)[hash]!['10']!, 'hex')

withPeers(
  needs,
  'a list that grew after the quote is cut to what the quote covers, by the rule of each bank',
  async () => {
    const whole = list('run2')
    const grown = Buffer.concat([whole, list('run1')])
    for (const hash of ['sha1', 'sha256', 'sha384'] as const) {
      expect(imaPrefix(whole, hash, value('run2', hash))).toEqual(whole)
      expect(imaPrefix(grown, hash, value('run2', hash))).toEqual(whole)
      expect(imaPrefix(whole, hash, Buffer.alloc(value('run2', hash).length, 1))).toBeNull()
    }
    // A list that was cut before what was quoted leads nowhere.
    expect(imaPrefix(list('run1'), 'sha256', value('run2', 'sha256'))).toBeNull()
    expect(imaPrefix(whole, 'sha256', Buffer.alloc(32))).toHaveLength(0)
  },
)

withPeers(
  needs,
  'the document is cut, left as it is where nothing fits, left out where the TPM saw none of it',
  async () => {
    const log = recordingLog()
    const whole = list('run2')
    const documents = { 'ima-log': Buffer.concat([whole, list('run1')]).toString('base64'), other: '' }
    const cut = (pcr10: Buffer) => cutImaLog(documents, new Map([[10, pcr10]]), log)
    expect(cut(value('run2', 'sha256'))).toEqual({ 'ima-log': whole.toString('base64'), other: '' })
    expect(cut(Buffer.alloc(32, 1))).toBe(documents)
    expect(cut(Buffer.alloc(32))).toEqual({ other: '' })
    expect(log.lines).toEqual([])
    const broken = { 'ima-log': documents['ima-log'].slice(0, 40) }
    expect(cutImaLog(broken, new Map([[10, Buffer.alloc(32)]]), log)).toBe(broken)
    expect(log.lines.join()).toContain('the IMA list cannot be read')
  },
)
