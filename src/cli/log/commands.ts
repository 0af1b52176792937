import type { Command } from '../command.ts'
import { option } from '../tee/evidence-options.ts'
import { scittServiceOptions } from './scitt-service-options.ts'

const log = option(
  'log',
  'Log: a directory, oci:DIR[:TAG], HOST/NAME[:TAG], or for reading https://… where it is served.',
  '',
  true,
)
const key = option('key', 'Ed25519 private key of the log (PEM file or env:NAME).', '', true)
const password = option('key-password', 'Password of the key (file or env:NAME).')
const logKey = option(
  'log-key',
  'Key of the log to verify with: NAME+HASH+BASE64, a file that holds it, or a PEM file (with --origin).',
  '',
  true,
)
const origin = option('origin', 'Name of the log: a bare host name, such as log.example.internal.')
const publicKey = option('public-key', 'PEM file of the key that signed; may be repeated.')
/** A signer with a certificate, in place of a key or beside it. */
const certified = [
  option('identity', 'Subject alternative name of the certificate that signed, compared whole; needs --issuer.'),
  option('issuer', 'Issuer of the identity, compared whole.'),
  option(
    'trusted-root',
    'Trusted root (JSON) by which the certificate is verified. Default: the public Sigstore instance, as of this release.',
  ),
]
const last = option(
  'last',
  'File that keeps the last checkpoint, so that a rollback or fork of the log is found. Default: the file of --key with .checkpoint behind it.',
)
const lastSeen = option(
  'last',
  'File that keeps the last checkpoint seen. A log that does not continue it is refused; afterwards the new one stands there.',
)
const witnessUrl = option(
  'witness-url',
  'Address of a witness that has to cosign each checkpoint; may be repeated (C2SP tlog-witness).',
)
const witness = option('witness', 'Key of a witness: NAME+HASH+BASE64; may be repeated.')
const quorum = option('quorum', 'How many of the witnesses must have cosigned. Default: all of them.')
const listen = (fallback: string) =>
  option('listen', 'Address on this machine to serve at, such as 127.0.0.1:8080.', fallback)

/** Commands about a private transparency log. */
export const logCommands: Readonly<Record<string, Command>> = {
  'log init': {
    description:
      'Makes an empty private log with a signed checkpoint. Writes the files that readers need next to it: verifier key, trusted_root.json, signing_config.json.',
    inputs: [
      log,
      { ...origin, required: true },
      key,
      password,
      option('url', 'Address of the log, whose host is the origin. Default: https:// and the origin.'),
      last,
    ],
    positional: 'log',
    examples: [
      'openssl genpkey -algorithm ed25519 -out log.pem',
      'sealwright log init ./log --origin log.example.internal --key log.pem',
    ],
    run: async (inputs, context) => (await import('./init.ts')).logInit(inputs, context),
  },
  'log append': {
    description:
      'Appends signatures of an image, a bundle or a file to a log. A file needs a detached signature. Only a signature by a named signer is logged: by a key that is given, or by a certificate for an identity. An entry that the log has keeps its index.',
    inputs: [
      log,
      option('entry', 'Sigstore bundle, image reference, or file (with --signature).', '', true),
      publicKey,
      ...certified,
      option('signature', 'File with a signature over the file, raw or base64.'),
      key,
      password,
      last,
      witnessUrl,
      option('output', 'File for the bundle with its log entry; it must not exist. For a bundle only.'),
    ],
    positional: ['log', 'entry'],
    examples: [
      'sealwright log append ./log image.sigstore.json --public-key release.pub --key log.pem --output logged.sigstore.json',
    ],
    run: async (inputs, context) => (await import('./append.ts')).logAppend(inputs, context),
  },
  'log prove': {
    description:
      'Prints the proof that an entry is in the log. The form is a member of tlogEntries. With --from, it prints the proof that the log continues a smaller one.',
    inputs: [
      log,
      logKey,
      origin,
      option('index', 'Index of the entry, counted from 0.'),
      option('from', 'Size of the smaller log.'),
      option('bundle', 'Sigstore bundle whose signature is looked for.'),
      { ...publicKey, description: 'PEM file of the key that signed the bundle.' },
      ...certified,
      option('output', 'File for the bundle with its log entry; it must not exist.'),
    ],
    positional: 'log',
    examples: ['sealwright log prove ./log --log-key log.vkey --index 7'],
    run: async (inputs, context) => (await import('./prove.ts')).logProve(inputs, context),
  },
  'log verify': {
    description:
      'Verifies a whole log, or that a bundle was logged. Compares every tile and entry with the signed checkpoint. With --bundle it verifies, offline, that the bundle was logged.',
    inputs: [
      { ...log, required: false },
      logKey,
      origin,
      lastSeen,
      witness,
      quorum,
      option('bundle', 'Sigstore bundle to verify against the key of the log; the log itself is not read.'),
      { ...publicKey, description: 'PEM file of the key that signed the bundle.' },
      ...certified,
    ],
    positional: 'log',
    examples: [
      'sealwright log verify ./log --log-key log.vkey --last seen.checkpoint',
      'sealwright log verify --bundle logged.sigstore.json --public-key release.pub --log-key log.vkey',
    ],
    run: async (inputs, context) => (await import('./verify.ts')).logVerify(inputs, context),
  },
  'log witness': {
    description:
      'Cosigns the checkpoint of a log with the present time. It cosigns only what continues the checkpoint that it cosigned last. With --listen it serves logs (C2SP tlog-witness).',
    inputs: [
      { ...log, required: false },
      logKey,
      origin,
      option('name', 'Name of the witness, such as witness.example.org/main.', '', true),
      { ...key, description: 'Ed25519 private key of the witness (PEM file or env:NAME).' },
      password,
      option('memory', 'Private folder of the checkpoints that it cosigned last.', '', true),
      listen(''),
      option('output', 'File for the cosigned checkpoint; it is replaced. Default: print it.'),
    ],
    positional: 'log',
    examples: [
      'sealwright log witness https://log.example.internal --log-key log.vkey --name witness.example.org --key witness.pem --memory ./seen',
    ],
    run: async (inputs, context) => (await import('./witness.ts')).logWitness(inputs, context),
  },
  'log serve': {
    description:
      'Serves a log over HTTP on this machine. Serves checkpoint and tiles, and the API of Rekor v2 for new entries of listed signers. With --scitt-policy it is also a SCITT transparency service (SCRAPI).',
    inputs: [
      log,
      { ...origin, required: true },
      key,
      password,
      last,
      option(
        'signer',
        'PEM file of a public key whose signatures are taken; may be repeated. Required without --signer-authority and --scitt-policy.',
      ),
      option(
        'signer-authority',
        'PEM file of an authority (issuer first, root last) whose certificates are taken while they are valid: for keyless signers. May be repeated.',
      ),
      witnessUrl,
      listen('127.0.0.1:8080'),
      ...scittServiceOptions,
    ],
    positional: 'log',
    examples: [
      'sealwright log serve ./log --origin log.example.internal --key log.pem --signer release.pub --listen 127.0.0.1:8080',
      'sealwright log serve ./log --origin log.example.internal --key log.pem --scitt-policy registration.yaml --receipt-key receipts.pem',
    ],
    run: async (inputs, context) => (await import('./serve.ts')).logServe(inputs, context),
  },
}
