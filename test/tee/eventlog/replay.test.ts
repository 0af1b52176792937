import { parseEventLog } from '../../../src/tee/eventlog/parse.ts'
import { replay } from '../../../src/tee/eventlog/replay.ts'
import { compareRegisters } from '../../../src/tee/eventlog/compare.ts'
import { parseQuote } from '../../../src/tee/verify/tpm/attest.ts'
import { pcrDigest } from '../../../src/tee/verify/tpm/selection.ts'
import { peer, vector, withPeers } from '../../../testkit/peers.ts'
import { readdirSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { bytesOf, jsonOf } from '../../../testkit/tee/tpm/vectors.ts'

const coco = 'coco/eventlog'

/** Beginnings of RTMR0 to RTMR3 that upstream's tests demand; zero where no event goes. */
const ccels: [string, string[]][] = [
  [`${coco}/CCEL_data`, ['2dc712306a963ead', '0fa3be56af61208b', '00', '00']],
  [`${coco}/CCEL_data_ovmf`, ['8566f998798db094', '775b9f6bfe99f8a3', '94eaf7a7bf398ed8', '00']],
  [`${coco}/CCEL_data_grub`, ['cec0a104f691f60d', '6c289e0c62182d41', '08919d017ba0e52c', '00']],
  [`${coco}/CCEL_data_gcp`, ['3300980705adf09d', '204d49f78d29918f', '00', '00']],
  [`${coco}/CCEL_data_grub_gke`, ['bc9945139042cf2c', 'c17cb288a4dee302', '334aeba2c985f888', '00']],
  [`${coco}/CCEL_AAEL_alibabacloud`, ['b796e1c11396c198', '3b0b906140fcea68', '35f2801338c1b5fc', '5e4ecd49d3c7983d']],
]

describe.each(ccels)('%s', (path, wanted) => {
  withPeers([`vectors:${path}`], 'replays to the known RTMRs', async () => {
    const registers = replay(parseEventLog(bytesOf(path), 'ccel'), 'sha384', 'ccel')
    wanted.forEach((start, rtmr) => {
      const value = (registers.get(rtmr + 1) ?? Buffer.alloc(48)).toString('hex')
      expect(value.slice(0, start.length)).toBe(start)
    })
  })
})

/** RTMRs inside a quote: v4 has its body at 48, v5 six bytes later; they begin 328 bytes into it. */
function rtmrsOf(quote: Buffer): Map<number, Buffer> {
  const body = quote.readUInt16LE(0) === 5 ? 54 : 48
  return new Map([0, 1, 2, 3].map((n) => [n + 1, quote.subarray(body + 328 + n * 48, body + 376 + n * 48)]))
}

describe('against quotes', () => {
  const differing = (log: string, quote: string) =>
    compareRegisters(parseEventLog(bytesOf(log), 'ccel'), 'sha384', 'ccel', rtmrsOf(bytesOf(quote)))
      .filter(({ ok }) => !ok)
      .map(({ name }) => name)
  const go = 'tee/tdx/go-tdx-guest/testdata/ccel'

  withPeers([`vectors:${go}`], 'a Google TD: all four RTMRs', async () => {
    expect(differing(`${go}/ccel_data.dat`, `${go}/cos-113-tdx-quote.dat`)).toEqual([])
  })

  withPeers(['vectors:tee/eventlog/cc-trusted-api'], 'a TD whose IMA goes into RTMR2 beside the log', async () => {
    const dir = 'tee/eventlog/cc-trusted-api/test_data'
    expect(differing(`${dir}/ccel_data.bin`, `${dir}/quote.bin`)).toEqual(['replay RTMR2'])
  })

  withPeers(['vectors:tee/trustee/CCEL_data'], 'the log of another machine', async () => {
    expect(differing('tee/trustee/CCEL_data', 'tee/trustee/tdx_quote_4.dat')).toContain('replay RTMR0')
  })

  withPeers([`vectors:${go}`], 'with two separators inside one register: other RTMRs', async () => {
    const dupe = 'tee/eventlog/go-eventlog/cos-113-intel-tdx-dupe-separator-unpadded.bin'
    expect(differing(dupe, `${go}/cos-113-tdx-quote.dat`)).toEqual(['replay RTMR0', 'replay RTMR1'])
  })
})

describe.each(['run1', 'run2'])('measured boot %s', (run) => {
  const dir = `tee/tpm/qemu-ovmf-uki/${run}`
  withPeers([`vectors:${dir}`], 'leads to the PCRs read inside the guest, in three banks', async () => {
    const log = parseEventLog(bytesOf(`${dir}/evlog.bin`), 'tcg2')
    const probe = jsonOf<Record<'sha1' | 'sha256' | 'sha384', Record<string, string>>>(`${dir}/probe.json`)
    for (const bank of ['sha1', 'sha256', 'sha384'] as const) {
      const read = [0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 17, 22].map(
        (pcr) => [pcr, Buffer.from(probe[bank][String(pcr)] ?? '', 'hex')] as const,
      )
      const checks = compareRegisters(log, bank, 'tpm', new Map(read))
      expect(checks.filter(({ ok }) => !ok)).toEqual([])
      expect(checks).toHaveLength(12)
    }
  })
})

withPeers(
  ['vectors:tee/tpm/swtpm/evlog-replay'],
  'a real guest’s log leads to the digest that swtpm quoted',
  async () => {
    const dir = 'tee/tpm/swtpm/evlog-replay'
    const quote = parseQuote(bytesOf(`${dir}/quote.msg`))
    const registers = replay(parseEventLog(bytesOf(`${dir}/binary_bios_measurements`), 'tcg2'), 'sha256', 'tpm')
    const values = new Map(quote.selection[0]!.pcrs.map((pcr) => [pcr, registers.get(pcr) ?? Buffer.alloc(32)]))
    expect(pcrDigest('sha256', quote.selection, new Map([['sha256', values]]))).toEqual(quote.pcrDigest)
  },
)

const tcgLogs = 'tee/tpm/go-tpm-tools/eventlogs'
withPeers(['tpm2_eventlog', `vectors:${tcgLogs}`], 'each stored log: the same PCRs as tpm2_eventlog', async () => {
  const compared = readdirSync(vector(tcgLogs)).filter((name) => name !== 'debian-10.bin')
  expect(compared).toHaveLength(13)
  for (const name of compared) {
    const log = parseEventLog(bytesOf(`${tcgLogs}/${name}`), 'tcg2')
    const theirs = tpm2Eventlog(vector(`${tcgLogs}/${name}`))
    // tpm2-tools 5.4 extends EV_NO_ACTION as well and leaves the startup locality out: PCR 0 of a log with such events cannot be compared.
    const comparable = !log.events.some(({ register, extended }) => register === 0 && !extended)
    for (const bank of log.banks) {
      const own = replay(log, bank, 'tpm')
      const said = theirs.get(bank)
      expect([name, bank, said?.size]).toEqual([name, bank, own.size])
      for (const [pcr, value] of own) {
        if (pcr === 0 && !comparable) continue
        expect([name, bank, pcr, said?.get(pcr)]).toEqual([name, bank, pcr, value.toString('hex')])
      }
    }
  }
})

/** The `pcrs:` part of the tool's text: bank, PCR, value. */
function tpm2Eventlog(path: string): Map<string, Map<number, string>> {
  const text = execFileSync(peer('tpm2_eventlog'), [path], {
    encoding: 'latin1',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const banks = new Map<string, Map<number, string>>()
  let current = new Map<number, string>()
  for (const line of text.slice(text.lastIndexOf('\npcrs:')).split('\n')) {
    const bank = /^ {2}(\w+):$/.exec(line)?.[1]
    const pcr = /^ {4}(\d+) *: 0x([0-9a-f]+)$/.exec(line)
    if (bank !== undefined) {
      current = new Map<number, string>()
      banks.set(bank, current)
    }
    if (pcr !== null) current.set(Number(pcr[1]), pcr[2] ?? '')
  }
  return banks
}
