import { contextAt } from '../../../testkit/verify-context.ts'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { keyFingerprint, keyFromSpki, primaryUnder } from '../../../src/tee/verify/tpm/attestation-key.ts'
import { parseSizedPublic } from '../../../src/tee/verify/tpm/public.ts'
import { parseSignature } from '../../../src/tee/verify/tpm/signature.ts'
import { parseToolPcrs } from '../../../src/tee/tpm/tool-pcrs.ts'
import { verifyQuote, type QuoteInput, type QuoteResult } from '../../../src/tee/verify/tpm/verify-quote.ts'
import { bootIdentity, tpmVerifier } from '../../../src/tee/verify/tpm/verifier.ts'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { factsJson } from '../../../src/tee/facts/json.ts'

/** A software TPM in a folder of its own, and tpm2-tools that speak to it. */
class SoftwareTpm {
  readonly directory = scratch('swtpm')
  readonly #socket = join(this.directory, 'sock')
  #process: ChildProcess | null = null

  async start(): Promise<void> {
    rmSync(`${this.#socket}.ctrl`, { force: true })
    this.#process = spawn(
      peer('swtpm'),
      [
        'socket',
        '--tpm2',
        ...['--tpmstate', `dir=${this.directory}`],
        ...['--server', `type=unixio,path=${this.#socket}`],
        ...['--ctrl', `type=unixio,path=${this.#socket}.ctrl`],
        ...['--flags', 'not-need-init,startup-clear'],
      ],
      { stdio: 'ignore' },
    )
    for (let tries = 0; tries < 200 && !existsSync(`${this.#socket}.ctrl`); tries++) await sleep(25)
  }

  async stop(): Promise<void> {
    const running = this.#process
    if (running?.exitCode !== null) return
    const ended = new Promise((resolve) => {
      running.once('exit', resolve)
    })
    running.kill()
    await ended
  }

  run(...args: string[]): void {
    execFileSync(peer('tpm2'), args, {
      cwd: this.directory,
      env: { ...process.env, TPM2TOOLS_TCTI: `swtpm:path=${this.#socket}` },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  }

  file(name: string): Buffer {
    return readFileSync(join(this.directory, name))
  }

  /** A restricted signing key as a primary of the endorsement hierarchy. */
  makeKey(name: string, kind: string): void {
    const attributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign'
    this.run('createprimary', '-C', 'e', '-G', kind, '-g', 'sha256', '-a', attributes, '-c', `${name}.ctx`)
    this.run('readpublic', '-c', `${name}.ctx`, '-f', 'pem', '-o', `${name}.pem`)
    this.run('readpublic', '-c', `${name}.ctx`, '-f', 'tss', '-o', `${name}.pub`)
    this.run('flushcontext', '-t')
  }

  quote(name: string, scheme: string, pcrs: string, nonce: Buffer): void {
    const out = ['-m', 'q.msg', '-s', 'q.sig', '-o', 'q.pcrs', '-f', 'tss']
    this.run(
      'quote',
      '-c',
      `${name}.ctx`,
      '-l',
      pcrs,
      '-q',
      nonce.toString('hex'),
      '-g',
      'sha256',
      '--scheme',
      scheme,
      ...out,
    )
    this.run('flushcontext', '-t')
  }

  input(name: string, selection: QuoteInput['selection'], nonce: Buffer): QuoteInput {
    const signature = this.file('q.sig')
    return {
      message: this.file('q.msg'),
      signature: () => parseSignature(signature),
      key: keyFromSpki(this.file(`${name}.pem`), 'ak'),
      values: parseToolPcrs(this.file('q.pcrs')).values,
      selection,
      qualifyingData: nonce,
    }
  }
}

const nonce = Buffer.alloc(32, 0x5a)
const failures = ({ checks }: QuoteResult) => checks.filter(({ ok }) => !ok).map(({ name }) => name)

async function withTpm(use: (tpm: SoftwareTpm) => void | Promise<void>): Promise<void> {
  const tpm = new SoftwareTpm()
  await tpm.start()
  try {
    await use(tpm)
  } finally {
    await tpm.stop()
  }
}

withPeers(['swtpm', 'tpm2'], 'quotes of swtpm made by tpm2-tools verify, in each scheme', async () => {
  await withTpm((tpm) => {
    const keys = [
      ['ecdsa', 'ecc256:ecdsa-sha256:null'],
      ['rsassa', 'rsa2048:rsassa-sha256:null'],
      ['rsapss', 'rsa2048:rsapss-sha256:null'],
    ] as const
    for (const [scheme, kind] of keys) {
      tpm.makeKey(scheme, kind)
      tpm.run('pcrextend', `14:sha256=${'ab'.repeat(32)}`)
      tpm.quote(scheme, scheme, 'sha1:0,14+sha256:0,7,14', nonce)
      const wanted = [
        { hash: 'sha1', pcrs: [0, 14] },
        { hash: 'sha256', pcrs: [0, 7, 14] },
      ] as const
      const input = tpm.input(
        scheme,
        wanted.map(({ hash, pcrs }) => ({ hash, pcrs: [...pcrs] })),
        nonce,
      )
      const result = verifyQuote(input)
      expect([scheme, failures(result)]).toEqual([scheme, []])
      expect(result.facts?.scheme).toBe(`${scheme}-sha256`)
      const area = parseSizedPublic(tpm.file(`${scheme}.pub`))
      expect(area.scheme).toEqual({ name: scheme, hash: 'sha256' })
      expect(area.attributes).toEqual(expect.arrayContaining(['fixedTPM', 'restricted', 'sign']))
      expect(primaryUnder(result.quote!, area)).toBe('endorsement')
      expect(failures(verifyQuote({ ...input, qualifyingData: Buffer.alloc(32) }))).toEqual(['qualifying-data'])
      expect(failures(verifyQuote({ ...input, selection: [{ hash: 'sha256', pcrs: [0, 7, 14] }] }))).toEqual([
        'pcr-selection',
      ])
      // The peer says the same of the same files; tpm2_checkquote 5.4 refuses RSAPSS from a PEM key.
      if (scheme !== 'rsapss') {
        const files = ['-m', 'q.msg', '-s', 'q.sig', '-f', 'q.pcrs', '-q', nonce.toString('hex'), '-g', 'sha256']
        tpm.run('checkquote', '-u', `${scheme}.pem`, ...files)
      }
    }
  })
})

withPeers(['swtpm', 'tpm2'], 'evidence over all PCRs verifies; a reset of the TPM is another boot', async () => {
  await withTpm(async (tpm) => {
    tpm.makeKey('ak', 'ecc256:ecdsa-sha256:null')
    const all = [...Array(24).keys()]
    const take = () => {
      tpm.quote('ak', 'ecdsa', `sha256:${all.join(',')}`, nonce)
      return tpm.input('ak', [{ hash: 'sha256', pcrs: all }], nonce)
    }
    const first = take()
    const evidence = {
      ak_public: first.key.export({ format: 'der', type: 'spki' }).toString('base64'),
      tpm_quote: {
        message: Buffer.from(first.message).toString('base64'),
        signature: tpm.file('q.sig').toString('base64'),
        pcrs: all.map((pcr) => first.values.get('sha256')!.get(pcr)!.toString('hex')),
      },
    }
    const documents = { 'ak-tpmt': tpm.file('ak.pub').subarray(2).toString('base64') }
    const bound = Buffer.concat([nonce, Buffer.alloc(16)])
    const verdict = tpmVerifier.verify(
      { technology: 'tpm', evidence, documents },
      bound,
      contextAt(new Date(0), { tpm: { acceptSoftwareTpm: true } }),
    )
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
    expect(factsJson(verdict)).toMatchObject({ softwareTpm: true, akPrimaryUnder: 'endorsement' })
    const [before, later] = [verifyQuote(first), verifyQuote(take())]
    await tpm.stop()
    await tpm.start()
    // The same seed and template give the same key again.
    tpm.makeKey('ak', 'ecc256:ecdsa-sha256:null')
    const reset = verifyQuote(take())
    expect(failures(reset)).toEqual([])
    const ak = keyFingerprint(keyFromSpki(tpm.file('ak.pem'), 'ak'))
    const boot = ({ quote }: QuoteResult) => bootIdentity(ak, quote!)
    expect(boot(later)).toBe(boot(before))
    expect(later.quote!.clock).toBeGreaterThanOrEqual(before.quote!.clock)
    expect(boot(reset)).not.toBe(boot(later))
    expect(reset.quote!.resetCount).toBeGreaterThan(later.quote!.resetCount)
  })
})
