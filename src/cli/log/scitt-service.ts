import { createPublicKey } from 'node:crypto'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { RawInputs } from '../../doors/context.ts'
import type { Recorder } from '../../log/recorder.ts'
import { scrapiUrl } from '../../log/scitt/scrapi.ts'
import { statementsAsEntries, statementsByDigest } from '../../log/serve/scrapi/kept-statements.ts'
import { loadRegistrationPolicy } from '../../log/serve/scrapi/policy.ts'
import { openService, type OpenedService } from '../../log/serve/scrapi/service.ts'
import { coseSigner, type CoseSigner } from '../../sign/cose/write.ts'
import { openPrivateKey } from '../../sign/keys.ts'
import type { NoteSigner } from '../../sign/note-signer.ts'
import { publicKeysOption } from './common.ts'
import { scittServiceOptions } from './scitt-service-options.ts'

/** Opens the transparency service of `--scitt-policy`; null without it. */
export async function scittServiceOption(
  inputs: RawInputs,
  recorder: Recorder,
  log: NoteSigner,
  ports: Ports,
): Promise<OpenedService | null> {
  if (inputs.text('scitt-policy') === '') {
    const idle = scittServiceOptions.find(
      ({ name, default: preset }) => preset === '' && inputs.text(name) !== '',
    )?.name
    if (idle === undefined) return null
    throw new InputError('input-missing', `\`--${idle}\` is set, but \`--scitt-policy\` is not`, {
      subject: 'scitt-policy',
      remedy: 'Give the registration policy of the transparency service.',
    })
  }
  const url = inputs.text('url')
  return openService({
    policy: await loadRegistrationPolicy(inputs.path('scitt-policy')),
    kept: inputs.text('statements') === '' ? statementsAsEntries() : statementsByDigest(inputs.path('statements')),
    recorder,
    log,
    receiptSigner: await receiptSigner(inputs),
    retired:
      inputs.text('retired-key') === ''
        ? []
        : (await publicKeysOption(inputs, ports.roots.cwd, 'retired-key')).map(({ object }) => object),
    url: url === '' ? null : scrapiUrl(url, '--url').href.replace(/\/$/, ''),
    token: await inputs.secret('scitt-token'),
    waitMs: inputs.integer('scitt-wait', 0, 600) * 1000,
    gatherMs: inputs.integer('scitt-gather', 0, 600) * 1000,
    ports,
  })
}

async function receiptSigner(inputs: RawInputs): Promise<CoseSigner | null> {
  const pem = await inputs.secret('receipt-key')
  if (pem === null) return null
  const key = await openPrivateKey(pem, await inputs.secret('receipt-key-password'))
  return coseSigner(key, createPublicKey(key))
}
