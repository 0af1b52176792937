import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ports } from '../../src/base/ports.ts'
import { openLogStore } from '../../src/log/open-store.ts'
import { openRecorder, type Recorder } from '../../src/log/recorder.ts'
import { createLog } from '../../src/log/writer.ts'
import { listenOn } from '../../src/log/serve/http.ts'
import { scrapiErrors } from '../../src/log/serve/scrapi/answers.ts'
import { statementsAsEntries } from '../../src/log/serve/scrapi/kept-statements.ts'
import { loadRegistrationPolicy } from '../../src/log/serve/scrapi/policy.ts'
import { openService, type ServiceOptions } from '../../src/log/serve/scrapi/service.ts'
import type { ScittService } from '../../src/log/scitt/services.ts'
import { coseSigner } from '../../src/sign/cose/write.ts'
import type { NoteSigner } from '../../src/sign/note-signer.ts'
import { noteSigner } from '../log.ts'
import { scratch, testPorts } from '../ports.ts'

/** A transparency service of ours on loopback, over a log in a scratch folder. */
export interface ServedRegister {
  url: string
  directory: string
  /** Its keys, as a reader pins them. */
  trusted: ScittService
  policyIndex: number
  log: NoteSigner
  close(): Promise<void>
}

export interface RegisterChange extends Partial<Omit<ServiceOptions, 'policy' | 'recorder'>> {
  /** Log to go on with, after a restart. */
  directory?: string
  recorder?: (real: Recorder) => Recorder
  ports?: Ports
}

/** Writes a registration policy with the files that it names. @returns its path */
export function policyFile(text: string, files: Readonly<Record<string, string>> = {}): string {
  const folder = scratch('registration')
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  const path = join(folder, 'registration.yaml')
  writeFileSync(path, text)
  return path
}

/** @param policy path of a registration policy */
export async function serveRegister(policy: string, change: RegisterChange = {}): Promise<ServedRegister> {
  const { ports = testPorts(), log = await noteSigner(), kept = statementsAsEntries() } = change
  const directory = change.directory ?? join(scratch('scitt-log'), 'log')
  const store = openLogStore(directory, ports)
  if (change.directory === undefined) await createLog(store, log, null, {})
  const real = openRecorder(store, log, null, [], ports)
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const receiptSigner = change.receiptSigner ?? coseSigner(pair.privateKey, pair.publicKey)
  const { answer, policyIndex, finish } = await openService({
    retired: [],
    url: null,
    token: null,
    waitMs: 5000,
    gatherMs: 0,
    ...change,
    policy: await loadRegistrationPolicy(policy),
    recorder: change.recorder?.(real) ?? real,
    receiptSigner,
    kept,
    log,
    ports,
  })
  const { url, close } = await listenOn('127.0.0.1:0', answer, ports, scrapiErrors)
  const keys = [{ kid: null, key: receiptSigner.publicKey }]
  return {
    url,
    directory,
    trusted: { name: 'log', issuer: `https://${log.name}`, keys, entry: kept.entry },
    policyIndex,
    log,
    close: async () => {
      await close()
      await finish()
    },
  }
}
