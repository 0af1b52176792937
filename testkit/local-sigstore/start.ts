import type { KeyObject } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writePem } from '../../src/encoding/pem.ts'
import { freePort, portIsFree } from '../free-port.ts'
import { pushClaims, startIssuer, type Issuer } from '../oidc.ts'
import { scratch } from '../ports.ts'
import { makeSigstore, tileLog, trustedRootOf, type TestLog, type TestSigstore } from '../sigstore/instance.ts'
import { startCertificateLog } from './certificate-log.ts'
import { fulcioConfig } from './fulcio-config.ts'
import { startProgram, type RunningProgram } from './programs.ts'

/** Programs that {@link startLocalSigstore} needs, for `withPeers`. */
export const sigstorePeers = ['fulcio', 'rekor-server', 'rekor-server22', 'timestamp-server'] as const

/** Rekor v2 that accepts hashedrekord alone, and the last one that also accepts DSSE. */
export const rekors = ['rekor-server', 'rekor-server22'] as const
export type Rekor = (typeof rekors)[number]

/** Sigstore's own servers on loopback, with keys of this run, and all that a client needs. */
export interface LocalSigstore {
  /** Holds what is named below, and the output of each server. */
  directory: string
  /** Keys and certificates, from which tests make faults. */
  sigstore: TestSigstore
  /** Issuer of the tokens, which also is the token endpoint of a job. */
  issuer: Issuer
  /** Path of the trusted root. */
  trustedRoot: string
  /** Paths of signing configurations, which differ in their log. */
  signingConfigs: Readonly<Record<Rekor, string>>
  /** Name in the certificates of tokens without changed claims. */
  san: string
  close(): Promise<void>
}

/**
 * Starts a whole Sigstore on free ports of loopback: issuer, certificate log, Fulcio, both Rekors and the time stamp authority. The last one claims
 * port 2112 of the machine for its metrics, so there is one at a time: another one is waited for.
 */
export async function startLocalSigstore(): Promise<LocalSigstore> {
  const directory = scratch('local-sigstore')
  const running: RunningProgram[] = []
  const close = async (): Promise<void> => {
    await Promise.all(running.map((one) => one.close()))
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
  }
  try {
    const logs = { 'rekor-server': await localLog(), 'rekor-server22': await localLog() }
    const made = makeSigstore('local.test')
    const certificateLog = await startCertificateLog(made.certificateLog)
    running.push(certificateLog)
    const sigstore: TestSigstore = {
      ...made,
      certificateLog: { ...made.certificateLog, baseUrl: certificateLog.url },
      rekor: logs['rekor-server22'],
      tiles: logs['rekor-server'],
    }
    const issuer = await startIssuer({ ...pushClaims })
    running.push(issuer)
    const [fulcio, timestamp, ...started] = await Promise.all([
      startFulcio(sigstore, issuer.url, directory),
      startTimestamps(sigstore, directory),
      ...rekors.map((name) => startRekor(name, logs[name], directory)),
    ])
    running.push(fulcio, timestamp, ...started)
    const trustedRoot = join(directory, 'trusted-root.json')
    writeFileSync(trustedRoot, trustedRootOf(sigstore))
    const config = (name: Rekor): string => {
      const path = join(directory, `${name}.signing-config.json`)
      writeFileSync(path, signingConfig(fulcio.url, logs[name].baseUrl, timestamp.url, issuer.url))
      return path
    }
    const signingConfigs = { 'rekor-server': config('rekor-server'), 'rekor-server22': config('rekor-server22') }
    const san = `https://github.com/${pushClaims.job_workflow_ref}`
    return { directory, sigstore, issuer, trustedRoot, signingConfigs, san, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function localLog(): Promise<TestLog> {
  return tileLog(`http://127.0.0.1:${await freePort()}`)
}

function privatePem(key: KeyObject, password?: string): string {
  const encryption = password === undefined ? {} : { cipher: 'aes-256-cbc', passphrase: password }
  return key.export({ format: 'pem', type: 'pkcs8', ...encryption }).toString()
}

type RunningService = RunningProgram & { url: string }

async function startFulcio(sigstore: TestSigstore, issuer: string, directory: string): Promise<RunningService> {
  const file = (name: string, content: string): string => {
    writeFileSync(join(directory, name), content)
    return name
  }
  const [port, grpc, metrics] = [await freePort(), await freePort(), await freePort()]
  const { intermediate, intermediateKey, root, certificateLog } = sigstore
  const chain = [intermediate, root].map((bytes) => writePem('CERTIFICATE', bytes)).join('')
  const logKey = certificateLog.key.publicKey.export({ format: 'pem', type: 'spki' }).toString()
  const options = {
    host: '127.0.0.1',
    port,
    'grpc-host': '127.0.0.1',
    'grpc-port': grpc,
    'metrics-port': metrics,
    'legacy-unix-domain-socket': join(directory, 'fulcio.sock'),
    'config-path': file('fulcio-config.json', fulcioConfig(issuer)),
    ca: 'fileca',
    'fileca-cert': file('fulcio-chain.pem', chain),
    'fileca-key': file('fulcio.key', privatePem(intermediateKey.privateKey, 'local')),
    'fileca-key-passwd': 'local',
    'fileca-watch': false,
    'ct-log-url': certificateLog.baseUrl,
    'ct-log-public-key-path': file('ct.pub', logKey),
  }
  const url = `http://127.0.0.1:${port}`
  return { url, ...(await startProgram('fulcio', ['serve', ...flags(options)], directory, `${url}/healthz`)) }
}

async function startTimestamps({ tsa }: TestSigstore, directory: string): Promise<RunningService> {
  writeFileSync(join(directory, 'tsa.key'), privatePem(tsa.key.privateKey))
  writeFileSync(join(directory, 'tsa-chain.pem'), tsa.pem)
  const port = await freePort()
  await portIsFree(2112)
  const options = {
    host: '127.0.0.1',
    port,
    'disable-ntp-monitoring': true,
    'timestamp-signer': 'file',
    'file-signer-key-path': 'tsa.key',
    'certificate-chain-path': 'tsa-chain.pem',
  }
  const url = `http://127.0.0.1:${port}/api/v1/timestamp`
  const program = await startProgram(
    'timestamp-server',
    ['serve', ...flags(options)],
    directory,
    `http://127.0.0.1:${port}/ping`,
  )
  return { url, ...program }
}

async function startRekor(name: Rekor, { baseUrl, key }: TestLog, directory: string): Promise<RunningProgram> {
  mkdirSync(join(directory, `${name}-tiles`))
  writeFileSync(join(directory, `${name}.key`), privatePem(key.privateKey))
  const options = {
    'http-address': '127.0.0.1',
    'http-port': new URL(baseUrl).port,
    'grpc-address': '127.0.0.1',
    'grpc-port': await freePort(),
    'http-metrics-port': await freePort(),
    // The origin of its checkpoints: clients take it from the URL.
    hostname: '127.0.0.1',
    'storage-dir': `${name}-tiles`,
    'signer-filepath': `${name}.key`,
    // An answer waits for the next checkpoint, which is every 10 s by default.
    'checkpoint-interval': '200ms',
    'batch-max-age': '20ms',
  }
  return startProgram(name, ['serve', ...flags(options)], directory, `${baseUrl}/healthz`)
}

function flags(options: Readonly<Record<string, string | number | boolean>>): string[] {
  return Object.entries(options).map(([name, value]) => `--${name}=${value}`)
}

/** Sigstore's SigningConfig, version 0.2. */
function signingConfig(fulcio: string, rekor: string, tsa: string, issuer: string): string {
  const service = (url: string, majorApiVersion: number): object[] => [
    { url, majorApiVersion, validFor: { start: '2024-01-01T00:00:00Z' }, operator: 'local' },
  ]
  return JSON.stringify({
    mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
    caUrls: service(fulcio, 1),
    oidcUrls: service(issuer, 1),
    rekorTlogUrls: service(rekor, 2),
    rekorTlogConfig: { selector: 'ANY' },
    tsaUrls: service(tsa, 1),
    tsaConfig: { selector: 'ANY' },
  })
}
