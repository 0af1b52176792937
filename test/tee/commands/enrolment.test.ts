import { keyFingerprint, keyFromSpki } from '../../../src/tee/verify/tpm/attestation-key.ts'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { akCommands } from '../../../src/cli/tee/ak-commands.ts'
import { InputError } from '../../../src/base/errors.ts'
import { toBase64 } from '../../../src/encoding/base64.ts'
import { jcs } from '../../../src/encoding/jcs.ts'
import { loadSigner } from '../../../src/sign/keys.ts'
import { collectorsFor } from '../../../src/tee/collect/index.ts'
import { encodeKeys, makeChallenge, parseKeys, signActivation, type TpmKeys } from '../../../src/tee/tpm/enrolment.ts'
import { withPrimary } from '../../../src/tee/tpm/keys.ts'
import { nvDefine, nvWrite } from '../../../src/tee/tpm/nv.ts'
import { attestationTemplate, endorsementIndices, endorsementTemplate } from '../../../src/tee/tpm/templates.ts'
import type { TeeVerdict } from '../../../src/tee/types.ts'
import { verifiers } from '../../../src/tee/verify/index.ts'
import { noCollateral } from '../../../src/tee/verify/verifier.ts'
import { commandLine } from '../../cli/tee/given.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { withSwtpm, type TestTpm } from '../../../testkit/tee/tpm/with-swtpm.ts'
import { makeCertificate, makeKey, type KeyPair } from '../../../testkit/tee/pki/pki.ts'
import { ekPurpose, purpose, tpmNames } from '../../../testkit/tee/pki/tpm.ts'
import { factsJson } from '../../../src/tee/facts/json.ts'

const live = (title: string, use: Parameters<typeof withSwtpm>[0]): void =>
  withPeers(['swtpm', 'tpm2'], title, () => withSwtpm(use))
const maker = makeKey('P-256')
const rootName = 'Synthetic TPM Root'
const root = makeCertificate({ subject: rootName, issuer: rootName, key: maker, by: maker, ca: { pathLength: 0 } })
const registrar = makeKey('P-256')
const pem = (key: KeyPair): string => key.publicKey.export({ format: 'pem', type: 'spki' }).toString()
const secretPem = registrar.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
const data = Buffer.alloc(48, 3)

async function keysOf(tpm: TestTpm): Promise<TpmKeys> {
  return tpm.use(async (open) => ({
    ek: await withPrimary(open, 'endorsement', endorsementTemplate('ecc'), async (key) => key.area),
    ak: await withPrimary(open, 'endorsement', attestationTemplate('ecc'), async (key) => key.area),
    certificate: null,
  }))
}

/** A SYNTHETIC maker certifies this software TPM, as no real one would. */
async function certify(tpm: TestTpm): Promise<void> {
  await tpm.use(async (open) => {
    const publicKey = await withPrimary(open, 'endorsement', endorsementTemplate('ecc'), async (key) => key.public.key)
    const certificate = makeCertificate({
      subject: 'Synthetic TPM',
      issuer: rootName,
      key: { publicKey, privateKey: maker.privateKey },
      by: maker,
      usage: 0x08,
      extensions: [tpmNames(), purpose(ekPurpose)],
    })
    await nvDefine(open, endorsementIndices.ecc, certificate.length)
    await nvWrite(open, endorsementIndices.ecc, certificate)
  })
}

live('a TPM with a maker is enrolled by four commands, and its evidence is then of no software TPM', async (tpm) => {
  await certify(tpm)
  const line = commandLine()
  const run = (name: keyof typeof akCommands, given: Record<string, string>) =>
    line.run(akCommands[name].run, akCommands[name].inputs, given)
  const device = { 'tpm-device': tpm.device }
  const [keys, challenge, pending, answer, record] = ['keys', 'challenge', 'pending', 'answer', 'record'].map((name) =>
    join(line.here, name),
  ) as [string, string, string, string, string]
  const rootPath = line.put('root.der', root)
  const keyPath = line.put('registrar.key', secretPem)

  const shown = await run('tee ak show', { ...device, output: keys })
  expect(shown.outputs).toMatchObject({ 'ek-certificate': 'true', 'keys-path': keys })
  const trusted = (await run('tee ak show', { ...device, trustee: 'true' })).text?.trim() ?? ''
  const key = keyFromSpki(Buffer.from(trusted, 'base64'), 'trusted-ak')
  expect(shown.outputs).toMatchObject({ 'trusted-ak': trusted, ak: keyFingerprint(key) })
  const asked = await run('tee ak challenge', { keys, output: challenge, pending, 'ek-root': rootPath })
  expect(asked.text).toContain('A chain of the TPM’s maker holds')
  await run('tee ak activate', { ...device, challenge, output: answer })
  expect(readFileSync(pending).includes(readFileSync(answer).toString('hex'))).toBe(false)
  await run('tee ak record', { pending, answer, key: keyPath, output: record })

  const taken = await collectorsFor({ tpmDevice: tpm.device, akActivation: record }).tpm.collect(data, tpm.ports)
  const rules = { tpm: { ekRoots: [root], registrars: [pem(registrar)] } }
  const verify = (change: object = {}): TeeVerdict =>
    verifiers.tpm.verify(taken, data, {
      at: new Date(),
      collateral: noCollateral,
      rules: { tpm: { ...rules.tpm, ...change } },
    })
  const verdict = verify()
  expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
  expect(factsJson(verdict)).toMatchObject({ softwareTpm: false, akActivation: { ek: shown.outputs['ek'] } })
  const failed = (found: TeeVerdict) => found.checks.filter(({ ok }) => !ok).map(({ name }) => name)
  // Another registrar, no registrar, no root: nobody vouches.
  expect(failed(verify({ registrars: [pem(maker)] }))).toEqual(['ak-activation', 'ak-trust'])
  expect(failed(verify({ registrars: [] }))).toEqual(['ak-trust'])
  expect(failed(verify({ ekRoots: [] }))).toEqual(['ak-trust'])

  // Files are never overwritten; an answer from another TPM is none.
  await expect(run('tee ak activate', { ...device, challenge, output: answer })).rejects.toMatchObject({
    code: 'exists',
  })
  await withSwtpm(async (other) => {
    const given = { 'tpm-device': other.device, challenge, output: join(line.here, 'other') }
    await expect(run('tee ak activate', given)).rejects.toMatchObject({ code: 'tool-failed' })
  })
  await expect(
    run('tee ak record', { pending, answer: challenge, key: keyPath, output: `${record}2` }),
  ).rejects.toMatchObject({
    code: 'evidence-invalid',
    message: expect.stringContaining('the answer is not the value'),
  })
  await expect(run('tee ak record', { pending, answer, output: `${record}2` })).rejects.toBeInstanceOf(InputError)
})

live('a registrar refuses what is no attestation key, endorsement key or certificate of it', async (tpm) => {
  const keys = await keysOf(tpm)
  const now = new Date('2026-01-01T00:00:00Z')
  const value = Buffer.alloc(32, 1)
  const makers = { roots: [root], authorities: [], at: now }
  expect(parseKeys(encodeKeys(keys), 'keys')).toEqual(keys)
  const challenge =
    (change: Partial<TpmKeys>, by: typeof makers | null = null) =>
    () =>
      makeChallenge({ ...keys, ...change }, by, value, now)
  expect(challenge({})).not.toThrow()
  const free = Buffer.from(keys.ak)
  free.writeUInt32BE(0x00040072, 4)
  const certificate = (key: KeyPair, by: KeyPair): Buffer =>
    makeCertificate({
      subject: 'Synthetic TPM',
      issuer: rootName,
      key,
      by,
      usage: 0x08,
      extensions: [tpmNames(), purpose(ekPurpose)],
    })
  const stranger = makeKey('P-256')
  expect(challenge({ ak: free })).toThrow('the attestation key is not restricted')
  expect(challenge({ ak: keys.ek })).toThrow('the attestation key is not sign')
  expect(challenge({ ek: keys.ak })).toThrow('it is not decrypt')
  expect(challenge({}, makers)).toThrow('has no endorsement certificate')
  expect(challenge({ certificate: certificate(stranger, maker) })).toThrow('its certificate is of another key')
  expect(challenge({ certificate: certificate(stranger, stranger) }, makers)).toThrow('ek-certificate-chain-signatures')
  expect(challenge({ certificate: Buffer.from('no certificate') })).toThrow('its certificate')
})

live('a record is signed for the right answer, in time, and only over a pending file of ours', async (tpm) => {
  const now = new Date('2026-01-01T00:00:00.500Z')
  const value = Buffer.alloc(32, 1)
  const { pending } = makeChallenge(await keysOf(tpm), null, value, now)
  const signer = await loadSigner(secretPem, null)
  const later = (seconds: number): Date => new Date(now.getTime() + seconds * 1000)
  const envelope = await signActivation(pending, value, signer, later(60))
  expect(JSON.parse(envelope.toString())).toMatchObject({
    payloadType: 'application/vnd.sealwright.ak-activation.v1+json',
  })
  await expect(signActivation(pending, Buffer.alloc(32, 2), signer, later(60))).rejects.toMatchObject({
    code: 'evidence-invalid',
  })
  await expect(signActivation(pending, value.subarray(0, 31), signer, later(60))).rejects.toMatchObject({
    code: 'evidence-invalid',
  })
  await expect(signActivation(pending, value, signer, later(3700))).rejects.toMatchObject({ code: 'expired' })
  await expect(signActivation(pending, value, signer, later(-3700))).rejects.toMatchObject({ code: 'expired' })
  const changed = { ...(JSON.parse(pending.toString()) as object), extra: 1 }
  await expect(signActivation(jcs(changed as never), value, signer, later(1))).rejects.toMatchObject({
    code: 'format-invalid',
  })
  await expect(signActivation(Buffer.from(toBase64(pending)), value, signer, later(1))).rejects.toMatchObject({
    code: 'format-invalid',
  })
})
