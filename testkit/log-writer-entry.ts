import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { makePorts } from '../src/runner/make-ports.ts'
import { fileMemory } from '../src/log/memory.ts'
import { openLogStore } from '../src/log/open-store.ts'
import { LogWriter } from '../src/log/writer.ts'
import { loadNoteSigner } from '../src/sign/note-signer.ts'

/** A process of its own that appends `NAME 0`, `NAME 1`, … one by one, and prints each index once the log has the entry. */
const [place = '', origin = '', keyFile = '', memory = '', name = '', count = '0'] = process.argv.slice(2)
const quiet = (): void => {}
const ports = makePorts({
  env: {},
  cwd: tmpdir(),
  log: { debug: quiet, info: quiet, warn: quiet, progress: quiet, group: (_, fn) => fn(), mask: quiet },
})
const signer = await loadNoteSigner(origin, readFileSync(keyFile, 'utf8'), null)
const writer = new LogWriter(openLogStore(place, ports), signer, fileMemory(memory), ports)
for (let i = 0; i < Number(count); i++) {
  const { places } = await writer.append([Buffer.from(`${name} ${i}`)])
  process.stdout.write(`${places[0]?.index}\n`)
}
