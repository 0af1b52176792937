import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { toBase64 } from '../../encoding/base64.ts'
import { activateCredential } from '../../tee/tpm/activate.ts'
import { parseCredentialFile } from '../../tee/tpm/credential.ts'
import { withAttestationKey } from '../../tee/tpm/attestation.ts'
import { tpmMaker } from '../../tee/tpm/capability.ts'
import { endorsement } from '../../tee/tpm/endorsement.ts'
import { areaFingerprint, encodeKeys } from '../../tee/tpm/enrolment.ts'
import { withPrimary } from '../../tee/tpm/keys.ts'
import { tpmAddress, withTpm } from '../../tee/tpm/open.ts'
import { parsePublic } from '../../tee/verify/tpm/public.ts'
import { endorsementTemplate, type KeyKind } from '../../tee/tpm/templates.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'
import { optionFile } from '../option-file.ts'

/** `tee ak show`: the keys of this machine's TPM, for a registrar and for policies. */
export async function showKeys(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const chosen = keyKind(inputs)
  const keys = await withTpm(tpmAddress(inputs.text('tpm-device'), ports), ports, async (tpm) => {
    const { kind, certificate } = await endorsement(tpm, ports.log)
    const ek = await withPrimary(tpm, 'endorsement', endorsementTemplate(kind), async (key) => key.area)
    const ak = await withAttestationKey(tpm, ports.log, async ({ key, certificate: own }) => ({ ...key, own }), chosen)
    return { ek, ak: ak.area, own: ak.own, certificate, maker: await tpmMaker(tpm) }
  })
  const path = inputs.text('output') === '' ? '' : await writeNewFile(inputs, 'output', encodeKeys(keys))
  const outputs = {
    ak: areaFingerprint(keys.ak),
    ek: areaFingerprint(keys.ek),
    'ek-certificate': String(keys.certificate !== null),
    'ak-certificate': String(keys.own !== null),
    maker: [keys.maker.manufacturer, keys.maker.vendor].join(' ').replace(/\s+/g, ' '),
    'trusted-ak': toBase64(parsePublic(keys.ak, 'attestation key').key.export({ format: 'der', type: 'spki' })),
    ...(path === '' ? {} : { 'keys-path': path }),
  }
  if (inputs.boolean('trustee')) return { outputs, text: `${outputs['trusted-ak']}\n` }
  const text = [
    `TPM               ${outputs.maker}, as it says itself`,
    `attestation key   ${outputs.ak}${keys.own === null ? '' : ', certified by the cloud'}`,
    `endorsement key   ${outputs.ek}`,
    `its certificate   ${keys.certificate === null ? 'none: nobody can tell this TPM from a program' : `${keys.certificate.length} bytes`}`,
    ...(path === '' ? [] : [`written to        ${path}`]),
    '',
  ]
  return { outputs, text: text.join('\n') }
}

/** `tee ak activate`: opens a registrar's challenge, which only this TPM can. */
export async function answerChallenge(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  inputs.required('challenge')
  inputs.required('output')
  const chosen = keyKind(inputs)
  const credential = parseCredentialFile(await optionFile(inputs, 'challenge'))
  const value = await withTpm(tpmAddress(inputs.text('tpm-device'), ports), ports, async (tpm) => {
    const { kind } = await endorsement(tpm, ports.log)
    return withPrimary(tpm, 'endorsement', endorsementTemplate(kind), (ek) =>
      withAttestationKey(
        tpm,
        ports.log,
        ({ key }) => activateCredential(tpm, key.handle, ek.handle, credential),
        chosen,
      ),
    )
  })
  const path = await writeNewFile(inputs, 'output', value)
  return { outputs: { 'answer-path': path }, text: `${path}\n` }
}

function keyKind(inputs: RawInputs): KeyKind | undefined {
  const kind = inputs.choice<'' | KeyKind>('tpm-key', ['', 'ecc', 'rsa'])
  return kind === '' ? undefined : kind
}
