import type { Definition } from '../../doors/definitions.generated.ts'

const option = (name: string, description: string, fallback = '', required = false): Definition['inputs'][number] => ({
  name,
  description,
  default: fallback,
  required,
})

export const attestOptions: Definition['inputs'] = [
  option('evidence', 'Evidence of the job as setup-cvm-runner wrote it (evidence-path).', '', true),
  option('image', 'Digest of the runner image that was started, sha256:HEX.', '', true),
  option('image-uri', 'Where that image is published; stands in the statements.', '', true),
  option('provenance', "The image's provenance, a Sigstore bundle or DSSE envelope. Without it no level is reached."),
  option('provenance-key', 'PEM public key that must have signed it.'),
  option('builder-id', 'builder.id that the provenance must name.'),
  option('builder-level', 'SLSA Build level that you trust this builder for, 0 to 3.', '0'),
  option('reference-values', 'Signed reference values of the image.'),
  option('reference-keys', 'PEM public keys, one of which must have signed them.'),
  option('collateral', 'Folder of collateral (certificates, CRLs, TCB data).'),
  option('policy', "The gate's policy file, for its rules of TEEs."),
  option('at', 'Time of the judgement, RFC 3339; by default now.'),
  option('key', 'Private key that signs the statements: a file, or env:NAME.', '', true),
  option('key-password', 'Its password: a file, or env:NAME.'),
  option('verifier-id', 'URI of who judges, for verifier.id.', '', true),
  option('output', 'New folder for the statements.', '', true),
]
