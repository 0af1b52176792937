import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { replayPcr, ukiPcr4 } from '../../../src/tee/measure/pcr.ts'
import { banks, parsePe } from '../../../src/tee/measure/pe.ts'
import {
  bootPhases,
  sectionDigests,
  stubVersion,
  ukiLoadOptions,
  ukiLoadsLinux,
  ukiPcr11,
  ukiPcr12,
  ukiSection,
  ukiSections,
} from '../../../src/tee/measure/uki.ts'
import { ukiInitrdDigest, ukiPcr9 } from '../../../src/tee/measure/uki-initrd.ts'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { makePe } from './pe-file.ts'
import { stubBoots } from './stub-boots.ts'

const hex = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'hex')
const part = (name: string, content = name): { name: string; content: Buffer } => ({
  name,
  content: Buffer.from(content),
})
const sections = (parts: Parameters<typeof makePe>[0], version = '257', profile = 0): ReturnType<typeof ukiSections> =>
  ukiSections(parsePe(makePe(parts), 'uki'), version, profile, 'uki')
const magic = part('.sdmagic', '#### LoaderInfo: systemd-stub 252.39-1~deb12u2 ####')

describe('real boots', () => {
  test.each(stubBoots)('PCR 4, 11, 12 and 13 with $title', (boot) => {
    const found = Object.entries(boot.sections).map(([name, digest]) => ({ name, digest: hex(digest) }))
    const linux = ukiLoadsLinux(boot.version) ? hex(boot.linux) : null
    const value = (events: Parameters<typeof replayPcr>[0]): string => replayPcr(events, 'sha256').toString('hex')
    expect({
      4: value(ukiPcr4(hex(boot.uki), linux, 1, 'sha256')),
      11: value(ukiPcr11(found, boot.version, [], 'sha256')),
      12: value(ukiPcr12(0, 'sha256')),
      13: value([]),
    }).toEqual({ 4: boot.pcrs['4'], 11: boot.pcrs['11'], 12: boot.pcrs['12'], 13: boot.pcrs['13'] })
    const changed = found.map((section) =>
      section.name === '.linux' ? { ...section, digest: hash('sha256', 'x', 'buffer') } : section,
    )
    expect(value(ukiPcr11(changed, boot.version, [], 'sha256'))).not.toBe(boot.pcrs['11'])
  })
})

describe('newer stubs', () => {
  for (const release of ['257', '262']) {
    withPeers([`systemd-measure${release}`], `PCR 11 as systemd-measure ${release} gives it, four banks`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'sealwright-uki-'))
      const names = ['linux', 'osrel', 'cmdline', 'initrd', 'ucode', 'splash', 'dtb', 'uname', 'sbat', 'pcrpkey']
      // The tool of 257 measures --hwids under the name .dtbauto, unlike its stub.
      names.push('profile', ...(release === '257' ? [] : ['hwids']))
      const found = names.map((name) => {
        writeFileSync(join(folder, name), `content of ${name}`)
        return part(`.${name}`, `content of ${name}`)
      })
      const { status, stdout } = spawnSync(
        peer(`systemd-measure${release}`),
        ['calculate', '--json=short', ...names.map((name) => `--${name}=${join(folder, name)}`)],
        { encoding: 'utf8' },
      )
      expect(status).toBe(0)
      const wanted = JSON.parse(stdout) as Record<string, { phase: string; hash: string }[]>
      for (const bank of banks) {
        const digests = sectionDigests(sections(found.toReversed(), release), bank)
        for (const { phase, hash: want } of wanted[bank] ?? []) {
          const value = replayPcr(ukiPcr11(digests, release, phase.split(':'), bank), bank)
          expect([bank, phase, value.toString('hex')]).toEqual([bank, phase, want])
        }
        expect(wanted[bank]).toHaveLength(4)
      }
    })
  }

  test('a profile replaces what it brings itself', () => {
    const parts = [
      ...[part('.linux'), part('.cmdline', 'all'), part('.profile', 'ID=a'), part('.cmdline', 'a')],
      ...[part('.profile', 'ID=b'), part('.initrd', 'b')],
    ]
    const content = (profile: number, name: string): string =>
      ukiSection(sections(parts, '257', profile), name, 'uki').toString()
    expect([content(0, '.cmdline'), content(1, '.cmdline')]).toEqual(['a', 'all'])
    expect([content(0, '.profile'), content(1, '.profile'), content(1, '.initrd')]).toEqual(['ID=a', 'ID=b', 'b'])
    expect(() => content(0, '.initrd')).toThrow('no section .initrd')
    expect(() => sections(parts, '257', 2)).toThrow('has 2 boot profiles')
    expect(() => sections(parts, '252')).toThrow('knows no boot profiles')
    const pcr12 = hash('sha256', Buffer.from('1\0', 'utf16le'), 'buffer')
    expect(ukiPcr12(1, 'sha256')).toEqual([{ what: 'profile 1', digest: pcr12 }])
  })

  test('what depends on the machine, or on the release', () => {
    expect(() => sections([part('.linux'), part('.dtbauto')])).toThrow('depends on the machine')
    expect(() => sections([part('.linux'), part('.efifw')])).toThrow('depends on the machine')
    expect(() => sections([part('.linux'), part('.linux2')], '252')).toThrow('take for .linux')
  })

  test('PCR 9 with a stub that hands on a secret of the machine cannot be predicted', () => {
    const parts = sections([part('.linux'), part('.cmdline', 'quiet'), part('.initrd')])
    expect(ukiPcr9(parts, '260', 'sha256', 'uki')).toHaveLength(2)
    expect(ukiPcr9(parts, '261', 'sha256', 'uki')).toBeNull()
    expect(ukiPcr9(sections([part('.cmdline', 'quiet')]), '252', 'sha256', 'uki')).toHaveLength(1)
    expect(() => ukiPcr9(parts, '253', 'sha256', 'uki')).toThrow('is not known')
  })

  test('one part of an initrd stays as it is, several are filled up to 4 bytes', () => {
    const digest = (
      parts: Parameters<typeof makePe>[0],
      packs: 'keys' | 'keys and release' = 'keys',
    ): string | undefined => ukiInitrdDigest(sections(parts), packs, 'sha256', 'uki')?.toString('hex')
    const initrd = part('.initrd', 'abcde')
    expect(digest([initrd])).toBe(hash('sha256', 'abcde'))
    expect(digest([initrd, part('.ucode', 'u')])).toBe(hash('sha256', 'u\0\0\0abcde\0\0\0'))
    expect(digest([initrd, part('.osrel')])).toBe(digest([initrd]))
    // Made by another program after the same description; such an initrd also stood in seven real boots.
    const known = digest([initrd, part('.osrel', 'ID=debian\nVERSION_ID=12\n')], 'keys and release')
    expect(known).toBe('3e7559c65a7dffd2c74b6521a8dcaf2d0a40a5e39b78ba3605e9838acec0fbac')
    const release = digest([initrd, part('.osrel')], 'keys and release')
    expect(release).not.toBe(digest([initrd]))
    expect(digest([initrd, part('.osrel'), part('.pcrsig')], 'keys and release')).not.toBe(release)
    expect(digest([part('.text')])).toBeUndefined()
  })

  test.each(['251', '253', '256', '263', '1000', '25', 'constructor'])('a stub %s is refused', (version) => {
    expect(() => ukiPcr11([], version, [], 'sha256')).toThrow(`systemd-stub ${version} measures is not known`)
    expect(() => sections([part('.linux')], version)).toThrow('is not known')
  })
})

describe('sections', () => {
  test('release of the stub', () => {
    expect(stubVersion(parsePe(makePe([magic]), 'uki'), 'uki')).toBe('252')
    expect(() => stubVersion(parsePe(makePe([part('.text')]), 'uki'), 'uki')).toThrow('does not name the release')
  })
  test('two of one name, a missing one, one that is cut short', () => {
    expect(() => sections([part('.cmdline', 'a'), part('.cmdline', 'b')])).toThrow('two sections .cmdline')
    expect(() => ukiSection(sections([part('.text')]), '.linux', 'uki')).toThrow('no section .linux')
    const short = sections([{ ...part('.linux', 'x'), virtualSize: 5 }])
    expect(() => ukiSection(short, '.linux', 'uki')).toThrow('does not hold all')
    const vast = sections([{ ...part('.dtb', 'x'), virtualSize: 2 ** 30 }])
    expect(() => sectionDigests(vast, 'sha256')).toThrow('few are in the file')
    const empty = sections([part('.text'), { ...part('.dtb', 'x'), virtualSize: 0 }])
    expect(sectionDigests(empty, 'sha256').map(({ name }) => name)).toEqual(['.text'])
  })
  test.each(['quiet\n', 'größe=1', ' quiet', 'quiet '])('a command line that stubs rewrite: %j', (cmdline) => {
    expect(() => ukiLoadOptions(sections([part('.cmdline', cmdline)]), 'uki')).toThrow('printable ASCII')
  })
  test('order in the file and a signature make no difference, a key does', () => {
    const value = (names: string[]): string =>
      replayPcr(
        ukiPcr11(
          sectionDigests(
            sections(
              names.map((name) => part(name)),
              '252',
            ),
            'sha256',
          ),
          '252',
          bootPhases,
          'sha256',
        ),
        'sha256',
      ).toString('hex')
    const plain = value(['.linux', '.osrel'])
    expect(value(['.osrel', '.linux'])).toBe(plain)
    expect(value(['.linux', '.osrel', '.pcrsig', '.uname', '.sbat'])).toBe(plain)
    expect(value(['.linux', '.osrel', '.pcrpkey'])).not.toBe(plain)
  })
})
