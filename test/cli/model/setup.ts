import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ActionContext } from '../../../src/doors/context.ts'
import { verifyBundleCommand } from '../../../src/cli/bundle/verify-bundle.ts'
import { bundleCommands } from '../../../src/cli/bundle/entries.ts'
import type { CommandResult } from '../../../src/cli/command.ts'
import { signModel } from '../../../src/cli/model/sign-model.ts'
import { rawInputs } from '../../../src/doors/raw-inputs.ts'
import { der, oid, sequence } from '../../../src/encoding/der-write.ts'
import { writePem } from '../../../src/encoding/pem.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { makeCertificate, makeKey } from '../../../testkit/tee/pki/pki.ts'

export const ports = testPorts()
export const files = { 'config.json': '{}', 'weights/a.bin': 'aaaa', 'weights.txt': 'names', empty: '' }

const inputsOf = (given: Readonly<Record<string, string>>, defaults: Record<string, string> = {}) =>
  rawInputs({ given: (name) => given[name], defaults, ports, confine: null, label: (name) => `--${name}` })
const context = { ports } as ActionContext

export const sign = (given: Readonly<Record<string, string>>): Promise<CommandResult> =>
  signModel(inputsOf(given), context)

const defaults = Object.fromEntries(
  (bundleCommands['verify bundle']?.inputs ?? []).map((input) => [input.name, input.default]),
)
export const verify = (given: Readonly<Record<string, string>>): Promise<CommandResult> =>
  verifyBundleCommand(inputsOf(given, defaults), context)

/** A folder of a model, and a place beside it. */
export function model(content: Readonly<Record<string, string>> = files): {
  folder: string
  beside: (name: string, text?: string) => string
} {
  const top = scratch('model')
  const folder = join(top, 'model')
  put(folder, content)
  const beside = (name: string, text?: string): string => {
    const path = join(top, name)
    if (text !== undefined) writeFileSync(path, text)
    return path
  }
  return { folder, beside }
}

export function put(folder: string, content: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(content)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

/** PEM of a key pair. */
export function pair(curve: 'P-256' | 'P-384' | 'P-521' = 'P-256'): { key: string; pub: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: curve })
  return {
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    pub: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  }
}

/** A SYNTHETIC authority with one certificate for code signing; PEM. */
export function authority(to = new Date('2040-01-01T00:00:00Z')): { root: string; chain: string; key: string } {
  const [rootKey, middleKey, leafKey] = [makeKey('P-384'), makeKey('P-384'), makeKey('P-256')]
  const usage = { oid: '2.5.29.37', value: sequence(oid('1.3.6.1.5.5.7.3.3')) }
  const root = makeCertificate({ subject: 'root', issuer: 'root', key: rootKey, by: rootKey, ca: { pathLength: 1 } })
  const middle = makeCertificate({
    subject: 'middle',
    issuer: 'root',
    key: middleKey,
    by: rootKey,
    ca: { pathLength: 0 },
  })
  const mail = { oid: '2.5.29.17', value: sequence(der(0x81, Buffer.from('ml@example.test'))) }
  const from = new Date('2026-01-01T00:00:00Z')
  const leaf = makeCertificate({
    subject: 'ml team',
    issuer: 'middle',
    key: leafKey,
    by: middleKey,
    usage: 0x80,
    from,
    to,
    extensions: [usage, mail],
  })
  return {
    root: writePem('CERTIFICATE', root),
    chain: [leaf, middle, root].map((bytes) => writePem('CERTIFICATE', bytes)).join(''),
    key: leafKey.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  }
}
