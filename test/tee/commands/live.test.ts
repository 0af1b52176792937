import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { activateCredential } from '../../../src/tee/tpm/activate.ts'
import { pcrBanks, tpmMaker } from '../../../src/tee/tpm/capability.ts'
import { credentialFile, makeCredential, parseCredentialFile } from '../../../src/tee/tpm/credential.ts'
import { createPrimary, flush, readPublic, withPrimary } from '../../../src/tee/tpm/keys.ts'
import { nvDefine, nvPublic, nvRead, nvUndefine, nvWrite } from '../../../src/tee/tpm/nv.ts'
import { everyPcr, extendPcr, readPcrs } from '../../../src/tee/tpm/pcr.ts'
import { quoteWithValues } from '../../../src/tee/tpm/quote.ts'
import { tpmRandom } from '../../../src/tee/tpm/random.ts'
import { attestationTemplate, endorsementTemplate } from '../../../src/tee/tpm/templates.ts'
import { keyFingerprint, primaryUnder } from '../../../src/tee/verify/tpm/attestation-key.ts'
import { parseSizedPublic } from '../../../src/tee/verify/tpm/public.ts'
import { parseSignature } from '../../../src/tee/verify/tpm/signature.ts'
import { verifyQuote } from '../../../src/tee/verify/tpm/verify-quote.ts'
import { tpmAddress, withTpm } from '../../../src/tee/tpm/open.ts'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { withSwtpm } from '../../../testkit/tee/tpm/with-swtpm.ts'

const kinds = ['ecc', 'rsa'] as const
const live = (title: string, use: Parameters<typeof withSwtpm>[0]): void =>
  withPeers(['swtpm', 'tpm2'], title, () => withSwtpm(use))
const value = Buffer.from('the credential’s value, 32 bytes').subarray(0, 32)
const attributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign'
const generation = { ecc: 'ecc256:ecdsa-sha256:null', rsa: 'rsa2048:rsassa-sha256:null' } as const

live('our keys are those that tpm2-tools make of the same templates, in this boot and the next', async (tpm) => {
  for (const kind of kinds) {
    tpm.tool('createprimary', '-C', 'e', '-G', generation[kind], '-g', 'sha256', '-a', attributes, '-c', 'ak.ctx')
    tpm.tool('readpublic', '-c', 'ak.ctx', '-f', 'tss', '-o', 'ak.pub')
    tpm.tool('createek', '-G', kind, '-c', 'ek.ctx', '-u', 'ek.pub')
    tpm.tool('flushcontext', '-t')
    const theirs = [parseSizedPublic(tpm.file('ak.pub')), parseSizedPublic(tpm.file('ek.pub'))]
    const ours = async () =>
      tpm.use(async (open) => [
        await withPrimary(open, 'endorsement', attestationTemplate(kind), async (key) => key.public),
        await withPrimary(open, 'endorsement', endorsementTemplate(kind), async (key) => key.public),
      ])
    const names = (keys: readonly { name: Buffer }[]) => keys.map(({ name }) => name.toString('hex'))
    expect(names(await ours())).toEqual(names(theirs))
    await tpm.reset()
    expect(names(await ours())).toEqual(names(theirs))
  }
})

live('our quotes verify here and by tpm2_checkquote; a persistent key’s public area is read', async (tpm) => {
  for (const kind of kinds) {
    const { taken, key } = await tpm.use(async (open) =>
      withPrimary(open, 'endorsement', attestationTemplate(kind), async (loaded) => ({
        taken: await quoteWithValues(open, loaded.handle, value, 'sha256'),
        key: await readPublic(open, loaded.handle),
      })),
    )
    const result = verifyQuote({
      message: taken.message,
      signature: () => parseSignature(taken.signature),
      key: key.public.key,
      values: new Map([['sha256', taken.values]]),
      selection: [{ hash: 'sha256', pcrs: [...everyPcr] }],
      qualifyingData: value,
    })
    expect(result.checks.filter(({ ok }) => !ok)).toEqual([])
    expect(primaryUnder(result.quote!, key.public)).toBe('endorsement')
    writeFileSync(join(tpm.directory, 'm'), taken.message)
    writeFileSync(join(tpm.directory, 's'), taken.signature)
    writeFileSync(join(tpm.directory, 'ak.pem'), key.public.key.export({ format: 'pem', type: 'spki' }))
    const check = (nonce: Buffer) =>
      tpm.tool('checkquote', '-u', 'ak.pem', '-m', 'm', '-s', 's', '-g', 'sha256', '-q', nonce.toString('hex'))
    check(value)
    expect(() => check(Buffer.alloc(32))).toThrow('Command failed')
  }
})

live('PCRs are read and extended as tpm2-tools do it, in every bank', async (tpm) => {
  const banks = await tpm.use(pcrBanks)
  expect(banks.map(({ hash }) => hash)).toEqual(['sha1', 'sha256', 'sha384', 'sha512'])
  expect(banks.every(({ pcrs }) => pcrs.length === 24)).toBe(true)
  const [sha1, sha256, sha384] = [20, 32, 48].map((size) => Buffer.alloc(size, size))
  await tpm.use((open) =>
    extendPcr(
      open,
      14,
      new Map([
        ['sha1', sha1!],
        ['sha256', sha256!],
        ['sha384', sha384!],
      ]),
    ),
  )
  tpm.tool(
    'pcrextend',
    `15:sha1=${sha1!.toString('hex')},sha256=${sha256!.toString('hex')},sha384=${sha384!.toString('hex')}`,
  )
  for (const hash of ['sha1', 'sha256', 'sha384', 'sha512'] as const) {
    const values = await tpm.use((open) => readPcrs(open, hash, everyPcr))
    expect(values.size).toBe(24)
    expect(values.get(14)).toEqual(values.get(15))
    const shown = tpm.tool('pcrread', `${hash}:14`).toLowerCase()
    expect(shown).toContain(`0x${values.get(14)!.toString('hex')}`)
  }
  await expect(tpm.use((open) => extendPcr(open, 20, new Map([['sha256', sha256!]])))).rejects.toMatchObject({
    message: expect.stringContaining('TPM_RC_LOCALITY'),
  })
})

live('NV indices go round in pieces, and tpm2_nvread reads the same', async (tpm) => {
  const index = 0x01400002
  const bytes = Buffer.from(Array.from({ length: 1500 }, (_unused, n) => n & 0xff))
  await tpm.use(async (open) => {
    expect(await nvRead(open, index)).toBeNull()
    await nvDefine(open, index, bytes.length)
    // Defined, never written.
    expect(await nvRead(open, index)).toBeNull()
    await nvWrite(open, index, bytes)
    expect(await nvRead(open, index)).toEqual(bytes)
    expect((await nvPublic(open, index))?.size).toBe(1500)
    await expect(nvDefine(open, index, 8)).rejects.toThrow('TPM_RC_NV_DEFINED')
    await expect(nvWrite(open, index, Buffer.alloc(1501))).rejects.toThrow('takes 1500 bytes, not 1501')
  })
  tpm.tool('nvread', '-C', 'o', '0x01400002', '-o', 'nv.bin')
  expect(tpm.file('nv.bin').equals(bytes)).toBe(true)
  await tpm.use((open) => nvUndefine(open, index))
  expect(await tpm.use((open) => nvPublic(open, index))).toBeNull()
})

live('credentials are activated both ways with tpm2-tools; those of another key or TPM are not', async (tpm) => {
  for (const kind of kinds) {
    tpm.tool('createek', '-G', kind, '-c', 'ek.ctx', '-u', 'ek.pub')
    tpm.tool('createprimary', '-C', 'e', '-G', generation.ecc, '-g', 'sha256', '-a', attributes, '-c', 'ak.ctx')
    tpm.tool('readpublic', '-c', 'ak.ctx', '-f', 'tss', '-o', 'ak.pub')
    const area = tpm.file('ek.pub').subarray(2)
    const { name } = parseSizedPublic(tpm.file('ak.pub'))

    // Made here, opened by tpm2-tools.
    writeFileSync(join(tpm.directory, 'cred'), credentialFile(makeCredential(area, name, value)))
    tpm.tool('flushcontext', '-t')
    tpm.tool('startauthsession', '--policy-session', '-S', 's.ctx')
    tpm.tool('policysecret', '-S', 's.ctx', '-c', 'e')
    tpm.tool('activatecredential', '-c', 'ak.ctx', '-C', 'ek.ctx', '-i', 'cred', '-o', 'out', '-P', 'session:s.ctx')
    tpm.tool('flushcontext', 's.ctx')
    expect(tpm.file('out').equals(value)).toBe(true)

    // Made by tpm2-tools, opened here.
    writeFileSync(join(tpm.directory, 'secret'), value)
    tpm.tool('makecredential', '-u', 'ek.pub', '-s', 'secret', '-n', name.toString('hex'), '-o', 'theirs', '-T', 'none')
    tpm.tool('flushcontext', '-t')
    const open = (credential: ReturnType<typeof makeCredential>, ek = endorsementTemplate(kind)) =>
      tpm.use(async (device) => {
        const endorsement = await createPrimary(device, 'endorsement', ek)
        const attestation = await createPrimary(device, 'endorsement', attestationTemplate('ecc'))
        try {
          return await activateCredential(device, attestation.handle, endorsement.handle, credential)
        } finally {
          await flush(device, attestation.handle)
          await flush(device, endorsement.handle)
        }
      })
    expect(await open(parseCredentialFile(tpm.file('theirs')))).toEqual(value)
    await expect(
      open(makeCredential(area, Buffer.concat([name.subarray(0, 33), Buffer.from([7])]), value)),
    ).rejects.toThrow('TPM_RC_INTEGRITY')
    await expect(
      withSwtpm(async (other) => {
        const foreign = await other.use((device) =>
          withPrimary(device, 'endorsement', endorsementTemplate(kind), async (key) => key.area),
        )
        await open(makeCredential(foreign, name, value))
      }),
    ).rejects.toThrow(/TPM_RC_(INTEGRITY|VALUE|SIZE|FAILURE)/)
    // No session, key or policy stays behind: the next turn and the next test would run out of memory.
    expect(tpm.tool('getcap', 'handles-transient')).toBe('')
    expect(tpm.tool('getcap', 'handles-loaded-session')).toBe('')
  }
})

live('the TPM says who made it, and gives random bytes', async (tpm) => {
  expect(await tpm.use(tpmMaker)).toMatchObject({ manufacturer: 'IBM', vendor: expect.stringContaining('SW') })
  const [first, second] = await tpm.use(async (open) => [await tpmRandom(open, 32), await tpmRandom(open, 32)])
  expect(first).toHaveLength(32)
  expect(first).not.toEqual(second)
})

withPeers(['swtpm'], 'a software TPM on a loopback port answers as one on a socket does', async () => {
  const directory = scratch('swtpm-tcp')
  const port = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address() as AddressInfo
      server.close(() => resolve(free))
    })
  })
  const where = ['--tpmstate', `dir=${directory}`, '--server', `type=tcp,port=${port},bindaddr=127.0.0.1`]
  const control = ['--ctrl', `type=unixio,path=${join(directory, 'c')}`, '--flags', 'not-need-init,startup-clear']
  const child = spawn(peer('swtpm'), ['socket', '--tpm2', ...where, ...control], { stdio: 'ignore' })
  try {
    const ports = testPorts()
    const address = tpmAddress(`swtpm:127.0.0.1:${port}`, ports)
    const maker = async (left: number): Promise<string> => {
      try {
        return (await withTpm(address, ports, tpmMaker)).manufacturer
      } catch (error) {
        if (left === 0) throw error
        await sleep(50)
        return maker(left - 1)
      }
    }
    expect(await maker(100)).toBe('IBM')
  } finally {
    child.kill()
  }
})

live('a key that is no endorsement key gets no credential', async (tpm) => {
  const { area, name } = await tpm.use((open) =>
    withPrimary(open, 'endorsement', attestationTemplate('ecc'), async (key) => ({
      area: key.area,
      name: key.public.name,
    })),
  )
  expect(() => makeCredential(area, name, value)).toThrow('it is not decrypt')
  const fingerprint = keyFingerprint(parseSizedPublic(Buffer.concat([Buffer.from([0, area.length]), area])).key)
  expect(fingerprint).toMatch(/^[0-9a-f]{64}$/)
})
