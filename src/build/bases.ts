import { InputError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { formatPlatform, loadImage } from '../image/load.ts'
import { openStore, resolveImage } from '../oci/open.ts'
import { formatReference, parseReference } from '../oci/reference.ts'
import type { Platform, Reference } from '../oci/types.ts'
import type { Plan } from './containerfile/plan.ts'
import type { ResolvedBase } from './driver.ts'

/**
 * Finds every image that the plan starts from or copies from. A registry's must be named by digest: a tag says another thing tomorrow.
 * A layout's tag is looked up now, and all passes use the digest that it had.
 *
 * @param cwd folder that a relative `oci:DIR` is taken from
 * @throws InputError `input-invalid`, `reference-invalid`, `not-found`
 */
export async function resolveBases(
  plan: Plan,
  platform: Platform,
  ports: Ports,
  cwd: string,
): Promise<Map<string, ResolvedBase>> {
  const wanted = new Map<string, number>()
  for (const { stage, base } of plan.stages) if (base.kind === 'image') wanted.set(base.name, stage.line)
  for (const { name, line } of plan.copiedImages) if (!wanted.has(name)) wanted.set(name, line)
  const bases = new Map<string, ResolvedBase>()
  for (const [text, line] of wanted) {
    const where = `line ${line} of ${plan.file.name}`
    const reference = named(text, cwd, where)
    if (movesElsewhere(reference) && reference.digest === undefined) {
      throw new InputError('input-invalid', `${where}: the image ${text} is not named by digest`, {
        subject: text,
        remedy: `Write ${text}@sha256:… (crane digest ${text} prints it), or name an OCI layout: oci:DIR:TAG.`,
      })
    }
    const { store, descriptor } = await resolveImage(formatReference(reference), ports)
    const image = await loadImage(store, descriptor.digest, formatPlatform(platform))
    if (image.platform.os !== platform.os || image.platform.architecture !== platform.architecture) {
      const is = formatPlatform(image.platform)
      const found = is === '' ? 'names no platform in its configuration' : `is for ${is}`
      throw new InputError(
        'input-invalid',
        `${where}: ${text} ${found}, but the build is for ${formatPlatform(platform)}`,
        {
          subject: text,
          remedy:
            is === '' ? 'Name an image that states its platform.' : `Give \`platforms: ${is}\`, or another image.`,
        },
      )
    }
    bases.set(text, { text, name: openStore(reference, ports).identity, digest: descriptor.digest, store, image })
  }
  return bases
}

/** Whether others may put another image under the same name; a folder or an archive is part of what is built. */
function movesElsewhere({ kind }: Reference): boolean {
  return kind !== 'layout' && kind !== 'oci-archive' && kind !== 'docker-archive'
}

/** @throws InputError of the reference, with the place where it stands */
function named(text: string, cwd: string, where: string): Reference {
  try {
    return parseReference(text, cwd)
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause
    const { code, message, subject, remedy } = cause
    throw new InputError(code, `${where}: ${message}`, { subject, remedy, cause })
  }
}
