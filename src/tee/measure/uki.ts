import { hash } from 'node:crypto'
import { InputError, VerificationError } from '../../base/errors.ts'
import { sectionDigest, type Bank, type PeImage, type PeSection } from './pe.ts'
import type { PcrEvent } from './pcr.ts'

export type StubPacks = 'keys' | 'keys and release'

/** What a release of systemd-stub measures, and hands to the kernel. */
interface StubRules {
  from: number
  to: number
  /** Sections in the order in which they go into PCR 11 (systemd src/fundamental/uki.h; `.pcrsig` never). */
  order: readonly string[]
  /** Whether a UKI may hold several boot profiles, told apart by `.profile`. */
  profiles: boolean
  /** Whether the stub has the firmware load `.linux`, which then measures it into PCR 4. */
  loadsLinux: boolean
  /**
   * What the stub packs behind the UKI's own initrd: its PCR keys, or those with `.osrel` and `.profile`. Null where the kernel also gets what
   * only the machine knows, so that PCR 9 does not follow from the file.
   */
  packs: StubPacks | null
}

const newerOrder = [
  ...['.linux', '.osrel', '.cmdline', '.initrd', '.ucode', '.splash', '.dtb', '.uname', '.sbat', '.pcrpkey'],
  ...['.profile', '.hwids'],
]

/**
 * Of 252, 257 and 262 each was booted and compared; 258 to 261 lie between: the list is equal at both ends and systemd promises not to reorder
 * it, the kernel is called directly since 258 (systemd pull request 37372). Others are refused rather than guessed. From 261 on the kernel
 * may get a console by the machine's devices and a secret of the machine (systemd NEWS 261).
 */
const stubs: readonly StubRules[] = [
  {
    from: 252,
    to: 252,
    order: ['.linux', '.osrel', '.cmdline', '.initrd', '.splash', '.dtb', '.pcrpkey'],
    profiles: false,
    loadsLinux: true,
    packs: 'keys',
  },
  { from: 257, to: 257, order: newerOrder, profiles: true, loadsLinux: true, packs: 'keys and release' },
  { from: 258, to: 260, order: newerOrder, profiles: true, loadsLinux: false, packs: 'keys and release' },
  { from: 261, to: 262, order: newerOrder, profiles: true, loadsLinux: false, packs: null },
]
/** Which of them is taken, and so measured, depends on the machine. */
const byMachine: readonly string[] = ['.dtbauto', '.efifw']
const releases = '252, or 257 to 262'

/** Phases that systemd-pcrphase extends while the system starts. */
export const bootPhases = ['enter-initrd', 'leave-initrd', 'sysinit', 'ready'] as const

/** A section with the digest of its content in one bank. */
export interface MeasuredSection {
  name: string
  digest: Buffer
}

/**
 * Release of the systemd-stub inside, from `.sdmagic` ("#### LoaderInfo: systemd-stub 252… ####").
 *
 * @throws VerificationError `format-invalid` where the image is no UKI of systemd-stub
 */
export function stubVersion(image: PeImage, subject: string): string {
  const magic = image.sections.find(({ name }) => name === '.sdmagic')?.raw.toString('latin1')
  const version = /LoaderInfo: systemd-stub (\d+)/.exec(magic ?? '')?.[1]
  if (version !== undefined) return version
  throw invalid(subject, 'does not name the release of its systemd-stub')
}

/**
 * Sections of one boot profile by name: those before the first `.profile` are for all, a profile's own replace them (systemd 257 on).
 *
 * @param profile 0 is what the firmware starts when nobody chooses
 * @throws InputError `unsupported` for another stub, and for what depends on the machine; VerificationError `format-invalid` for two sections
 * of one name, of which releases take different ones
 */
export function ukiSections(image: PeImage, version: string, profile: number, subject: string): PeSection[] {
  const rules = stubRules(version)
  const starts = image.sections.flatMap(({ name }, i) => (name === '.profile' ? [i] : []))
  if (starts.length > 0 && !rules.profiles) throw unsupported(`systemd-stub ${version} knows no boot profiles`)
  if (profile !== 0 && profile >= starts.length) {
    throw new InputError('input-invalid', `${subject} has ${Math.max(1, starts.length)} boot profiles`, {
      subject: 'profile',
      remedy: 'The first one is 0.',
    })
  }
  const [first] = starts
  const own = first === undefined ? [] : image.sections.slice(starts[profile], starts[profile + 1])
  const found = new Map<string, PeSection>()
  for (const group of [image.sections.slice(0, first), own]) {
    const seen = new Set<string>()
    for (const section of group) {
      checkName(section.name, rules, subject)
      if (seen.has(section.name)) throw invalid(subject, `has two sections ${section.name}`)
      seen.add(section.name)
      found.set(section.name, section)
    }
  }
  return [...found.values()]
}

/** Releases differ in whether `.linux2` counts as `.linux`, so a longer name is refused. */
function checkName(name: string, { order }: StubRules, subject: string): void {
  if (byMachine.includes(name)) {
    throw unsupported(`whether the stub takes the section ${name} of ${subject} depends on the machine`)
  }
  const like = order.find((known) => name !== known && name.startsWith(known))
  if (like !== undefined) throw invalid(subject, `has a section ${name}, which some stubs take for ${like}`)
}

/** Zeros that a section may have behind its bytes in the file: a UKI's own have none. */
const mostZeros = 64 * 1024 * 1024

/**
 * Digests of sections in one bank; empty ones are not measured.
 *
 * @throws VerificationError `format-invalid` for a section that is mostly not in the file
 */
export function sectionDigests(sections: readonly PeSection[], bank: Bank): MeasuredSection[] {
  return sections
    .filter(({ virtualSize }) => virtualSize > 0)
    .map((section) => {
      if (section.virtualSize - section.raw.length > mostZeros) {
        throw invalid(`section ${section.name}`, `has ${section.virtualSize} bytes, of which few are in the file`)
      }
      return { name: section.name, digest: sectionDigest(section, bank) }
    })
}

/** What the stub packs behind the initrd, null where that is not known from the file. @throws InputError `unsupported` for an unknown stub */
export function stubPacks(version: string): StubPacks | null {
  return stubRules(version).packs
}

/** Whether the kernel inside is measured into PCR 4. @throws InputError `unsupported` for a stub whose rules are not known */
export function ukiLoadsLinux(version: string): boolean {
  return stubRules(version).loadsLinux
}

/** Parameters of a boot, PCR 12: nothing but the number of a profile that somebody chose (UTF-16 with NUL). */
export function ukiPcr12(profile: number, bank: Bank): PcrEvent[] {
  if (profile === 0) return []
  return [{ what: `profile ${profile}`, digest: hash(bank, Buffer.from(`${profile}\0`, 'utf16le'), 'buffer') }]
}

/** Bytes of one section as they lie in the file. @throws VerificationError `format-invalid` where it is missing or cut short */
export function ukiSection(sections: readonly PeSection[], name: string, subject: string): Buffer {
  const section = sections.find((s) => s.name === name)
  if (section === undefined) throw invalid(subject, `has no section ${name}`)
  if (section.raw.length < section.virtualSize) throw invalid(subject, `does not hold all of its section ${name}`)
  return section.raw.subarray(0, section.virtualSize)
}

/**
 * The command line that the stub hands to the kernel when nobody gave another.
 *
 * @throws InputError `unsupported` for blanks around it, control and non-ASCII characters, which stubs rewrite each in its own way
 */
export function ukiLoadOptions(sections: readonly PeSection[], subject: string): string {
  const text = ukiSection(sections, '.cmdline', subject).toString('latin1')
  if (/^[ -~]*$/.test(text) && text.trim() === text) return text
  throw new InputError(
    'unsupported',
    `the command line of ${subject} has other characters than printable ASCII, or blanks around it`,
    {
      subject: 'uki',
      remedy: 'Build the UKI with a command line of one line, without a line end.',
    },
  )
}

/**
 * PCR 11 of a UKI: for each measured section its name with NUL, then its content; then the phases reached so far, without NUL.
 *
 * @throws InputError `unsupported` for a stub release whose rules are not known
 */
export function ukiPcr11(
  sections: readonly MeasuredSection[],
  version: string,
  phases: readonly string[],
  bank: Bank,
): PcrEvent[] {
  const { order } = stubRules(version)
  const measured = order.flatMap((name) => {
    const section = sections.find((s) => s.name === name)
    if (section === undefined) return []
    return [
      { what: `name ${name}`, digest: hash(bank, `${name}\0`, 'buffer') },
      { what: `content of ${name}`, digest: section.digest },
    ]
  })
  return [...measured, ...phases.map((phase) => ({ what: `phase ${phase}`, digest: hash(bank, phase, 'buffer') }))]
}

function stubRules(version: string): StubRules {
  const number = /^\d{3}$/.test(version) ? Number(version) : 0
  const found = stubs.find(({ from, to }) => number >= from && number <= to)
  if (found !== undefined) return found
  throw unsupported(`which sections systemd-stub ${version} measures is not known here`)
}

function unsupported(message: string): InputError {
  return new InputError('unsupported', message, {
    subject: 'uki',
    remedy: `Build a UKI without such sections, with a stub of release ${releases}.`,
  })
}

function invalid(subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} ${why}`, { subject })
}
