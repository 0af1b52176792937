import type { Definition } from '../doors/definitions.generated.ts'
import { option } from './tee/evidence-options.ts'

/** Options of commands that verify certificates, as `trustedRootInput` reads them. `tuf-offline` is a flag. */
export const trustedRootOptions: Definition['inputs'] = [
  option(
    'trusted-root',
    'Trusted root (JSON) whose authorities, logs and time stamp authorities count, or tuf:URL of a TUF repository that serves it. Default: the public Sigstore instance, as of this release; no network is used.',
  ),
  option(
    'tuf-root',
    'root.json to start from, or its SHA-256 as sha256:HEX; needed with tuf:URL, except for the public instance.',
  ),
  option('tuf-target', 'Name of the trusted root in the TUF repository. Default: trusted_root.json.'),
  option(
    'tuf-cache',
    'Folder that remembers versions of the TUF repository, so that no older one is accepted. Default: sealwright/tuf in the cache folder of the user.',
  ),
  option(
    'tuf-offline',
    'Use what the cache of the TUF repository holds, as long as it is not expired; contact nobody.',
  ),
]
