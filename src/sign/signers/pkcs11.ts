import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFile } from '../../base/write-file.ts'
import { InputError } from '../../base/errors.ts'
import type { ExecResult, Ports } from '../../base/ports.ts'
import type { CoseAlgorithm } from '../cose/algorithms.ts'
import { describeKey } from '../public-key.ts'
import { checked } from './checked.ts'
import { parseListedKeys, type ListedKey } from './pkcs11-objects.ts'
import { parsePkcs11Uri, type Pkcs11Uri } from './pkcs11-uri.ts'
import type { OpenedSigner } from './types.ts'

const tool = 'pkcs11-tool'
/** Name of the variable by which the tool gets the PIN: a command line can be read by every user of the machine. */
const pinVariable = 'SEALWRIGHT_PKCS11_PIN'
/** Tokens ask people for a touch. */
const timeoutMs = 120_000

/**
 * Signer for a key in a PKCS #11 token, by OpenSC's `pkcs11-tool`. ECDSA over SHA-256 for every curve and RSA PKCS#1 v1.5 over SHA-256, as cosign
 * signs, and pure Ed25519. Every signature is checked before it is used.
 *
 * @throws InputError `tool-missing` without OpenSC, `input-invalid` for a URI, `input-missing` without a PIN, `file-invalid` where the token has no
 *   such key or refuses the PIN
 */
export async function openPkcs11(uri: string, pin: string | null, ports: Ports): Promise<OpenedSigner> {
  const parsed = parsePkcs11Uri(uri)
  const secret = pin ?? (parsed.pinFile === null ? null : await readPin(parsed.pinFile))
  if (secret === null)
    throw new InputError('input-missing', 'the PKCS #11 token needs a PIN and none was given', {
      subject: 'key-password',
      remedy: 'Set `key-password` to env:NAME or a file, or add pin-source=FILE to the URI.',
    })
  ports.log.mask(secret)
  const session: Session = { uri: parsed, pin: secret, ports }
  const { key, id } = await findKey(session)
  const described = describeKey(key ?? (await readRsa(session, id)), 'PKCS #11 key')
  return checked({
    publicKeyPem: described.pem,
    hint: described.hint,
    sign: (bytes) => signWith(session, id, mechanism(described.object, bytes)),
    signFor: (algorithm, bytes) => signWith(session, id, coseMechanism(algorithm, bytes)),
  })
}

interface Session {
  uri: Pkcs11Uri
  pin: string
  ports: Ports
}

/** The one key that the URI selects. OpenSC 0.23 signs with the first key of the token unless told an id, so the key has to have one. */
async function findKey({ uri, ...session }: Session): Promise<ListedKey & { id: string }> {
  const { stdout } = await run({ uri, ...session }, ['--list-objects', '--type', 'pubkey'])
  const keys = parseListedKeys(stdout.toString('utf8')).filter(
    ({ id, label }) => (uri.id === null || id === uri.id) && (uri.object === null || label === uri.object),
  )
  const [found] = keys
  if (found !== undefined && keys.length === 1) {
    if (found.id !== null) return { ...found, id: found.id }
    throw new InputError('file-invalid', `the key with ${selected(uri)} has no id`, {
      subject: 'signer',
      remedy: `Give its public and private object one id: ${tool} --set-id.`,
    })
  }
  throw new InputError(
    'file-invalid',
    keys.length === 0
      ? `the token has no public key with ${selected(uri)}`
      : `the token has ${keys.length} public keys with ${selected(uri)}`,
    { subject: 'signer', remedy: `List them: ${tool} --module ${uri.module} --list-objects --type pubkey` },
  )
}

async function readRsa(session: Session, id: string): Promise<KeyObject> {
  const der = await withFiles(session, Buffer.alloc(0), async (_input, output) => {
    await run(session, ['--read-object', '--type', 'pubkey', '--id', id, '--output-file', output])
  })
  return createPublicKey({ key: der, format: 'der', type: 'spki' })
}

/** What the token is given, and the options that say how it signs. */
interface Mechanism {
  data: Uint8Array
  args: string[]
}

async function signWith(session: Session, id: string, { data, args }: Mechanism): Promise<Buffer> {
  return withFiles(session, data, async (input, output) => {
    const files = ['--input-file', input, '--output-file', output]
    await run(session, ['--login', '--pin', `env:${pinVariable}`, '--sign', ...args, '--id', id, ...files])
  })
}

/** ECDSA gets the digest, because many tokens cannot hash; RSA and Ed25519 get the bytes. */
function mechanism(key: KeyObject, bytes: Uint8Array): Mechanism {
  if (key.asymmetricKeyType === 'ec') return ecdsa('sha256', bytes)
  return { data: bytes, args: ['--mechanism', key.asymmetricKeyType === 'ed25519' ? 'EDDSA' : 'SHA256-RSA-PKCS'] }
}

/** The same for an algorithm of COSE. The tool takes the salt of RSA-PSS as long as the hash by itself. */
function coseMechanism({ kind, hash }: CoseAlgorithm, bytes: Uint8Array): Mechanism {
  if (kind === 'ecdsa') return ecdsa(hash ?? 'sha256', bytes)
  const name = kind === 'eddsa' ? 'EDDSA' : `${(hash ?? 'sha256').toUpperCase()}-RSA-PKCS-PSS`
  return { data: bytes, args: ['--mechanism', name] }
}

function ecdsa(hash: string, bytes: Uint8Array): Mechanism {
  return {
    data: createHash(hash).update(bytes).digest(),
    args: ['--mechanism', 'ECDSA', '--signature-format', 'openssl'],
  }
}

async function withFiles(
  { ports }: Session,
  data: Uint8Array,
  use: (input: string, output: string) => Promise<void>,
): Promise<Buffer> {
  const folder = await mkdtemp(join(ports.roots.temp, 'pkcs11-'))
  try {
    const [input, output] = [join(folder, 'in'), join(folder, 'out')]
    await writeFile(input, data, { mode: 0o600 })
    await use(input, output)
    return await readFile(output)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function run({ uri, pin, ports }: Session, args: readonly string[]): Promise<ExecResult> {
  const token = uri.token === null ? [] : ['--token-label', uri.token]
  const { PATH, HOME, LANG, SOFTHSM2_CONF, OPENSC_CONF } = ports.env
  const env = Object.fromEntries(
    Object.entries({ PATH, HOME, LANG, SOFTHSM2_CONF, OPENSC_CONF, [pinVariable]: pin }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    ),
  )
  const result = await ports.exec.run(tool, ['--module', uri.module, ...token, ...args], {
    env,
    timeoutMs,
    allowFailure: true,
  })
  if (result.code === 0) return result
  const said =
    result.stderr
      .trim()
      .split('\n')
      .filter((line) => line !== 'Aborting.')
      .at(-1) ?? ''
  const wrong = /CKR_PIN_INCORRECT|CKR_PIN_LEN_RANGE/.test(said)
  throw new InputError(
    'file-invalid',
    wrong ? 'the PKCS #11 token refused the PIN' : `${tool} failed: ${said.slice(0, 300)}`,
    {
      subject: wrong ? 'key-password' : 'signer',
      remedy: wrong
        ? 'Correct the PIN; tokens lock after a few wrong ones.'
        : 'Check token, object and module-path of the URI.',
    },
  )
}

function selected({ id, object }: Pkcs11Uri): string {
  return [id === null ? [] : `id ${id}`, object === null ? [] : `label ${JSON.stringify(object)}`].flat().join(' and ')
}

async function readPin(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new InputError('file-missing', `the PIN file ${JSON.stringify(path)} cannot be read`, {
      subject: 'signer',
      cause,
      remedy: 'Correct pin-source in the URI.',
    })
  })
  return text.replace(/\r?\n$/, '')
}
