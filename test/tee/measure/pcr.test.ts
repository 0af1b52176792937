import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { directOptions, directPcr4, kernelPcr9, replayPcr, ukiPcr4 } from '../../../src/tee/measure/pcr.ts'
import { banks, type Bank } from '../../../src/tee/measure/pe.ts'
import { ukiPcr11 } from '../../../src/tee/measure/uki.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'

const hex = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'hex')

describe('UKI', () => {
  withPeers(
    ['vectors:tee/tpm/uki-systemd252'],
    'PCR 11 as systemd-measure 252 gives it, four banks and phases',
    async () => {
      const folder = 'tee/tpm/uki-systemd252'
      const files = { '.linux': 'linux.bin', '.osrel': 'osrel.txt', '.cmdline': 'cmdline.txt', '.initrd': 'initrd.bin' }
      for (const bank of banks) {
        const sections = Object.entries(files).map(([name, file]) => ({
          name,
          digest: hash(bank, readFileSync(vector(`${folder}/${file}`)), 'buffer'),
        }))
        const text = readFileSync(vector(`${folder}/expect-${bank}.json`), 'utf8')
        const expected = (JSON.parse(text) as Record<string, { phase: string; hash: string }[]>)[bank] ?? []
        expect(expected).toHaveLength(4)
        for (const { phase, hash: want } of expected) {
          expect(replayPcr(ukiPcr11(sections, '252', phase.split(':'), bank), bank).toString('hex')).toBe(want)
        }
      }
    },
  )

  withPeers(['vectors:tee/tpm/qemu-ovmf-uki'], 'PCR 4, 9, 11 and 12 of a real boot, three banks', async () => {
    const folder = 'tee/tpm/qemu-ovmf-uki'
    const { uki, linux } = json(`${folder}/artefacts.json`) as Artefacts
    const quoted = json(`${folder}/run2/probe.json`) as Record<string, Record<string, string>>
    const cmdline = readFileSync(vector(`${folder}/cmdline.txt`), 'latin1')
    for (const bank of ['sha1', 'sha256', 'sha384'] as const) {
      const sections = uki.sections.map((section) => ({ name: section.name, digest: hex(section[bank]) }))
      const initrd = sections.find(({ name }) => name === '.initrd')?.digest ?? null
      const predicted = {
        4: ukiPcr4(hex(uki.authenticode[bank]), hex(linux.authenticode[bank]), 1, bank),
        9: kernelPcr9(cmdline, initrd, bank),
        11: ukiPcr11(sections, '252', [], bank),
        12: [],
      }
      for (const [register, events] of Object.entries(predicted)) {
        expect([register, replayPcr(events, bank).toString('hex')]).toEqual([register, quoted[bank]?.[register]])
      }
      const other = kernelPcr9(`${cmdline} `, initrd, bank)
      expect(replayPcr(other, bank).toString('hex')).not.toBe(quoted[bank]?.['9'])
    }
  })
})

describe('direct boot', () => {
  // Authenticode of Debian's 6.1.192-2 kernel after QEMU's header patch, by memory size: the file is too large to be a vector.
  const kernels: Record<string, Partial<Record<Bank, string>>> = {
    mem1024: {
      sha1: '785cfc8ee70131fa67283a107f836536920121a3',
      sha256: '428674d9013275694f848b2501f19e5a5eb5e7ed54c4299406fbd81a4e31180a',
    },
    mem3072: {
      sha1: 'f5d91852021dc6c1cdea4df9d3f8c619c75412be',
      sha256: 'ae3c34dd178fc9c192f9dd4f3927f231709b2494308b4f2591e7c68dd8ab0a5f',
    },
  }
  for (const [machine, digests] of Object.entries(kernels)) {
    withPeers(['vectors:tee/tpm/qemu-ovmf-direct'], `PCR 4 and 9 of a real boot, ${machine}`, async () => {
      const folder = 'tee/tpm/qemu-ovmf-direct'
      const read = readFileSync(vector(`${folder}/${machine}/pcrs.txt`), 'utf8').toLowerCase()
      const initrd = readFileSync(vector(`${folder}/initrd.img`))
      const options = directOptions('console=ttyS0 quiet direct=1', true)
      for (const bank of ['sha1', 'sha256'] as const) {
        const pcr4 = replayPcr(directPcr4(hex(digests[bank]), bank), bank).toString('hex')
        const pcr9 = replayPcr(kernelPcr9(options, hash(bank, initrd, 'buffer'), bank), bank).toString('hex')
        expect(read).toContain(`${bank} 4 ${pcr4}`)
        expect(read).toContain(`${bank} 9 ${pcr9}`)
      }
    })
  }
  test('without an initrd OVMF adds nothing to the command line, and there is no second event', () => {
    expect(directOptions('quiet', false)).toBe('quiet')
    expect(kernelPcr9('quiet', null, 'sha256')).toHaveLength(1)
  })
})

interface Artefacts {
  uki: { authenticode: Record<string, string>; sections: ({ name: string } & Record<Bank, string>)[] }
  linux: { authenticode: Record<string, string> }
}

function json(path: string): unknown {
  return JSON.parse(readFileSync(vector(path), 'utf8'))
}
