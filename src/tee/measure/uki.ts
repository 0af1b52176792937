import { hash } from 'node:crypto'
import { InputError, VerificationError } from '../../base/errors.ts'
import { sectionDigest, type Bank, type PeImage } from './pe.ts'
import type { PcrEvent } from './pcr.ts'

/**
 * Sections that the stub measures into PCR 11, in its order (systemd src/fundamental/tpm-pcr.h; `.pcrsig` never). It changes with
 * the release: 252 was compared with a real boot, others are refused rather than guessed.
 */
const measuredBy: Readonly<Record<string, readonly string[]>> = {
  '252': ['.linux', '.osrel', '.cmdline', '.initrd', '.splash', '.dtb', '.pcrpkey'],
}

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

/** Digests of all sections. Which of two with one name a stub takes differs by release: that is refused; empty ones are skipped. */
export function ukiSections(image: PeImage, bank: Bank, subject: string): MeasuredSection[] {
  const seen = new Set<string>()
  for (const { name } of image.sections) {
    if (seen.has(name)) throw invalid(subject, `has two sections ${name}`)
    seen.add(name)
  }
  return image.sections
    .filter(({ virtualSize }) => virtualSize > 0)
    .map((section) => ({ name: section.name, digest: sectionDigest(section, bank) }))
}

/** Bytes of one section as they lie in the file. @throws VerificationError `format-invalid` where it is missing or cut short */
export function ukiSection(image: PeImage, name: string, subject: string): Buffer {
  const section = image.sections.find((s) => s.name === name)
  if (section === undefined) throw invalid(subject, `has no section ${name}`)
  if (section.raw.length < section.virtualSize) throw invalid(subject, `does not hold all of its section ${name}`)
  return section.raw.subarray(0, section.virtualSize)
}

/**
 * The command line that the stub hands to the kernel when nobody gave another.
 *
 * @throws InputError `unsupported` for control and non-ASCII characters, which stubs rewrite each in its own way
 */
export function ukiLoadOptions(image: PeImage, subject: string): string {
  const text = ukiSection(image, '.cmdline', subject).toString('latin1')
  if (/^[ -~]*$/.test(text)) return text
  throw new InputError('unsupported', `the command line of ${subject} has other characters than printable ASCII`, {
    subject: 'uki',
    remedy: 'Build the UKI with a command line of one line, without a line end.',
  })
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
  const order = Object.hasOwn(measuredBy, version) ? measuredBy[version] : undefined
  if (order === undefined) {
    throw new InputError('unsupported', `which sections systemd-stub ${version} measures is not known here`, {
      subject: 'uki',
      remedy: `Build the UKI with a stub of release ${Object.keys(measuredBy).join(' or ')}.`,
    })
  }
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

function invalid(subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} ${why}`, { subject })
}
