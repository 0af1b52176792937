import { resolve } from 'node:path'
import { InputError, VerificationError } from '../../base/errors.ts'
import { identityRule } from '../../bundle/identity.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import type { Ports } from '../../base/ports.ts'
import { readPem } from '../../encoding/pem.ts'
import { parseCertificate, type Certificate } from '../../encoding/x509/certificate.ts'
import { checkReaders } from '../../guests/check.ts'
import { gatherImage } from '../../guests/gather.ts'
import { askKbs } from '../../guests/kbs.ts'
import type { Given } from '../../guests/programs/types.ts'
import { selectReaders } from '../../guests/select.ts'
import type { ImageFacts, KbsFacts, Question } from '../../guests/types.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import { publicGoodRoot } from '../../sign/public-root.ts'
import { parseTrustedRoot } from '../../sign/trusted-root.ts'
import { asInput } from '../../base/as-input.ts'
import type { CommandResult } from '../command.ts'
import { namedFile, optionFile } from '../option-file.ts'
import { playedSteps, playsGuest } from './play.ts'
import { pullNameOf } from '../pull-name.ts'
import { guestResult } from './text.ts'

/** `guest check REF`: one line for each reader. */
export async function guestCheck(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const text = inputs.required('image')
  const played = playsGuest(inputs)
  const asked = inputs.list('for')
  // Who plays the guest asks about it alone, unless readers are named.
  const chosen = played && asked.length === 0 ? [] : selectReaders(asked)
  const given = await readGiven(inputs, ports)
  const question = await readQuestion(given, ports)
  const pullName = pullNameOf(inputs, ports)
  const gathering = { platform: inputs.text('platform'), pullName, layers: inputs.boolean('layers') }
  const image = await gatherImage(text, gathering, ports)
  const kbs = chosen.length === 0 ? null : await askedKbs(inputs, image, ports)
  const options = { given, ...(inputs.boolean('models') ? { programs: [] } : {}) }
  const judgements = await checkReaders(image, chosen, { ...question, kbs }, options, ports)
  return guestResult(image, judgements, played ? await playedSteps(inputs, image, ports) : [])
}

/** @throws InputError `input-invalid`, `input-missing`, `file-missing` */
async function readGiven(inputs: RawInputs, ports: Ports): Promise<Given> {
  const [san, issuer] = [inputs.text('identity'), inputs.text('issuer')]
  if ((san === '') !== (issuer === '')) {
    throw new InputError('input-missing', 'an identity is not given whole', {
      subject: 'identity',
      remedy: 'Give --identity SAN and --issuer URL together.',
    })
  }
  const hasKey = inputs.text('public-key') !== ''
  if (hasKey && san !== '') {
    throw new InputError('input-invalid', '`--public-key` and `--identity` exclude each other, but both are set', {
      subject: 'public-key',
      remedy: 'Check once for the key and once for the identity.',
    })
  }
  if (san === '' && inputs.text('trusted-root') !== '') {
    throw new InputError('input-missing', '--trusted-root needs the identity whose certificate it is for', {
      subject: 'identity',
      remedy: 'Give --identity SAN and --issuer URL.',
    })
  }
  const read = async (name: string): Promise<string> => (await optionFile(inputs, name)).toString('utf8')
  return {
    publicKey: hasKey ? `${(await read('public-key')).trim()}\n` : null,
    identity: san === '' ? null : { san, issuer },
    trustedRoot: inputs.text('trusted-root') === '' ? null : await read('trusted-root'),
    trustStore: await Promise.all(
      inputs
        .list('trust-store')
        .map(async (file) => (await namedFile(resolve(ports.roots.cwd, file), 'trust-store')).toString('utf8')),
    ),
    pull: inputs.boolean('pull'),
  }
}

async function readQuestion({ publicKey, identity, trustedRoot, trustStore }: Given, ports: Ports): Promise<Question> {
  return {
    key: publicKey === null ? null : asInput('public-key', () => loadPublicKey(publicKey, 'public-key')),
    identity:
      identity === null
        ? null
        : {
            rules: [identityRule({ ...identity, pattern: null }, 'identity')],
            root:
              trustedRoot === null
                ? await publicGoodRoot()
                : asInput('trusted-root', () => parseTrustedRoot(Buffer.from(trustedRoot))),
          },
    authorities: trustStore.flatMap((pem) => asInput('trust-store', () => certificatesIn(pem))),
    kbs: null,
    now: ports.clock.now(),
  }
}

/** @throws VerificationError `format-invalid` */
function certificatesIn(pem: string): Certificate[] {
  const blocks = readPem(pem, 'trust-store').filter(({ label }) => label === 'CERTIFICATE')
  if (blocks.length === 0)
    throw new VerificationError('format-invalid', 'it holds no PEM block "CERTIFICATE"', { subject: 'trust-store' })
  return blocks.map(({ bytes }, index) => parseCertificate(bytes, `trust-store[${index}]`, 'signer'))
}

async function askedKbs(inputs: RawInputs, { encrypted }: ImageFacts, ports: Ports): Promise<KbsFacts | null> {
  const url = inputs.text('kbs-url')
  if (url === '') return null
  if (!/^https?:\/\/[^\s]+$/.test(url) || !URL.canParse(url)) {
    throw new InputError('input-invalid', `--kbs-url: "${url}" is not the URL of a KBS`, {
      subject: 'kbs-url',
      remedy: 'Give https://HOST[:PORT] as guests reach it.',
    })
  }
  return askKbs(url, [...new Set(encrypted.flatMap(({ packets }) => packets.flatMap(({ kid }) => kid ?? [])))], ports)
}
