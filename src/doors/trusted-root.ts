import { InputError, VerificationError } from '../base/errors.ts'
import { readNamedFile } from '../base/files.ts'
import type { Ports } from '../base/ports.ts'
import { isDigest } from '../oci/digest.ts'
import type { Digest } from '../oci/types.ts'
import { parseTrustedRoot, type TrustedRoot } from '../sign/trusted-root.ts'
import type { RawInputs } from './context.ts'

const prefix = 'tuf:'

/**
 * The trusted root that the inputs name: `trusted-root` is a file, or `tuf:URL` with `tuf-root` (a file or its digest), `tuf-target`, `tuf-cache` and
 * `tuf-offline`. The root of the public instance's repository is known.
 *
 * @returns null where `trusted-root` is empty
 * @throws InputError; TransportError and VerificationError where a repository is asked
 */
export async function trustedRootInput(inputs: RawInputs, ports: Ports): Promise<TrustedRoot | null> {
  const text = inputs.text('trusted-root')
  const strays = ['tuf-root', 'tuf-target', 'tuf-cache', 'tuf-offline'].filter((name) => inputs.text(name) !== '')
  if (text.startsWith(prefix)) return fromRepository(text.slice(prefix.length), inputs, ports)
  const [stray] = strays
  if (stray !== undefined)
    throw new InputError('input-invalid', `${stray} is given, but trusted-root does not name a TUF repository`, {
      subject: stray,
      remedy: 'Give `trusted-root` as tuf:URL.',
    })
  if (text === '') return null
  return asRoot(await readNamedFile(inputs.path('trusted-root'), 'trusted-root'))
}

function asRoot(bytes: Buffer): TrustedRoot {
  try {
    return parseTrustedRoot(bytes)
  } catch (cause) {
    // A file that the user pins is an input: what is wrong with it says nothing about what is verified.
    if (!(cause instanceof VerificationError)) throw cause
    throw new InputError('file-invalid', `trusted-root: ${cause.message}`, {
      subject: 'trusted-root',
      cause,
      remedy: cause.remedy ?? 'Give the file as its maker wrote it.',
    })
  }
}

async function fromRepository(url: string, inputs: RawInputs, ports: Ports): Promise<TrustedRoot> {
  const { defaultTarget, tufCacheFolder, tufTrustedRoot } = await import('../sign/tuf/trusted-root.ts')
  const target = inputs.text('tuf-target')
  return tufTrustedRoot(
    {
      url,
      root: await pinned(url, inputs),
      target: target === '' ? defaultTarget : target,
      cache: inputs.text('tuf-cache') === '' ? tufCacheFolder(ports) : inputs.path('tuf-cache'),
      offline: inputs.text('tuf-offline') !== '' && inputs.boolean('tuf-offline'),
    },
    ports,
  )
}

/** @throws InputError `input-missing`: a root that comes with the repository vouches for nothing */
async function pinned(url: string, inputs: RawInputs): Promise<Uint8Array | Digest> {
  const text = inputs.text('tuf-root')
  if (isDigest(text)) return text
  if (text !== '') return readNamedFile(inputs.path('tuf-root'), 'tuf-root')
  const { publicInstance, publicTufRoot } = await import('../sign/public-root.ts')
  if (url.replace(/\/$/, '') === publicInstance) return publicTufRoot()
  throw new InputError('input-missing', `the TUF repository ${url} is given without a root to start from`, {
    subject: 'tuf-root',
    remedy: 'Give its root.json, or the SHA-256 of it as sha256:HEX, that you got by a way you trust.',
  })
}
