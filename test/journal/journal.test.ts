import { bindingSchema, parseBinding } from '../../src/journal/binding.ts'
import { journalBytes, parseJournal, type JournalEvent } from '../../src/journal/event.ts'
import { evidenceManifest, evidenceLayers } from '../../src/journal/evidence-manifest.ts'
import { parseEvidenceIndex, type EvidenceBundle } from '../../src/journal/evidence-bundle.ts'
import { codeOf } from '../../src/journal/code.ts'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Journal } from '../../src/agent/journal.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import { buildEvent, digestOf, sbomEvent } from '../../testkit/agent.ts'
import { scratch } from '../../testkit/ports.ts'

function sampleJournal(): Journal {
  const journal = new Journal()
  journal.append({ ...buildEvent(), kind: 'job', inputs: [], outputs: [], result: { instance: 'a' } })
  journal.append(buildEvent())
  journal.append(sbomEvent())
  return journal
}
const broken = expect.objectContaining({ code: 'journal-broken' }) as Error

test('the stored journal reads back and replays', () => {
  const journal = sampleJournal()
  expect(parseJournal(journal.bytes())).toEqual(journal.events)
})

test('an identical retry adds no event and gives the earlier one', () => {
  const journal = sampleJournal()
  const before = journal.bytes()
  expect(journal.append(buildEvent()).seq).toBe(1)
  expect(journal.bytes().equals(before)).toBe(true)
})

test.each<[string, (events: JournalEvent[]) => JournalEvent[]]>([
  ['removed', ([job, , sbom]) => [job, sbom] as JournalEvent[]],
  ['removed at the start', (events) => events.slice(1)],
  ['reordered', ([job, build, sbom]) => [job, sbom, build] as JournalEvent[]],
  ['changed', ([job, build, sbom]) => [job, { ...build, performer: 'caller' }, sbom] as JournalEvent[]],
  ['renumbered', ([job, build, sbom]) => [job, build, { ...sbom, seq: 7 }] as JournalEvent[]],
  ['doubled', ([job, build]) => [job, build, build] as JournalEvent[]],
])('an event %s breaks the journal', (_how, change) => {
  expect(() => parseJournal(journalBytes(change([...sampleJournal().events])))).toThrow(broken)
})

test('a foreign member, a cut line and other bytes than JCS break the journal', () => {
  const [first] = sampleJournal().events
  expect(() => parseJournal(Buffer.concat([jcs({ ...first, note: 'x' }), Buffer.from('\n')]))).toThrow(broken)
  expect(() => parseJournal(sampleJournal().bytes().subarray(0, -1))).toThrow(broken)
  expect(() => parseJournal(Buffer.from(`${JSON.stringify(first, null, 1).replaceAll('\n', '')}\n`))).toThrow(broken)
  expect(() => parseJournal(Buffer.alloc(0))).toThrow(broken)
})

const binding = {
  type: 'https://sealwright.dev/binding/v1',
  role: 'open',
  key: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' },
  'tee-pubkey': { kty: 'EC', crv: 'P-256', alg: 'ECDH-ES+A256KW', x: 'AA', y: 'AA' },
  job: { assurance: 'self-asserted', token: null, instance: 'a'.repeat(32), claims: {} },
  agent: { version: '0.1.0', code: digestOf('code'), source: 'download' },
  boot: { id: 'b', jobs: 1 },
  journal: { head: digestOf('head'), count: 1 },
  previous: null,
  nonce: { source: 'none', value: '' },
  time: '2026-11-24T12:00:00Z',
}

test('a binding reads back; a foreign member, another version or spacing is refused', () => {
  expect(parseBinding(jcs(binding), 'binding')).toEqual(bindingSchema.parse(binding))
  const refused = expect.objectContaining({ code: 'binding-mismatch' }) as Error
  for (const changed of [
    { ...binding, extra: 1 },
    { ...binding, type: 'https://sealwright.dev/binding/v2' },
    { ...binding, 'tee-pubkey': { ...binding['tee-pubkey'], kid: 'x' } },
    { ...binding, previous: 'sha384:00' },
  ]) {
    expect(() => parseBinding(jcs(changed), 'binding')).toThrow(refused)
  }
  expect(() => parseBinding(Buffer.from(JSON.stringify(binding, null, 1)), 'binding')).toThrow(refused)
})

test('an evidence index without seal is refused', () => {
  const report = { role: 'open', binding: digestOf('b'), evidence: digestOf('e') }
  const index = { v: 1, technology: 'sample', reports: [report], journal: digestOf('j'), token: null }
  expect(() => parseEvidenceIndex(jcs(index))).toThrow(expect.objectContaining({ code: 'evidence-invalid' }) as Error)
})

test('the evidence manifest is the same for the same bundle and tells every document by digest', () => {
  const bytes = Buffer.from('journal')
  const bundle = {
    index: {},
    documents: [{ mediaType: 'text/plain', digest: digestOf('journal'), bytes }],
  } as unknown as EvidenceBundle
  const subject = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf('image'), size: 10 }
  const first = evidenceManifest(bundle, subject)
  expect(evidenceManifest(bundle, subject).bytes.equals(first.bytes)).toBe(true)
  expect(evidenceLayers(bundle)).toHaveLength(2)
  expect(first.bytes.toString()).toContain(digestOf('journal'))
  expect(evidenceManifest(bundle, { ...subject, digest: digestOf('other') }).descriptor.digest).not.toBe(
    first.descriptor.digest,
  )
})

test('the code of a bundle covers all its programs', async () => {
  const folder = scratch('code')
  mkdirSync(join(folder, 'agent'))
  writeFileSync(join(folder, 'agent/index.js'), 'stub')
  writeFileSync(join(folder, 'bundle.js'), 'one')
  const entry = join(folder, 'agent/index.js')
  const before = await codeOf(entry)
  writeFileSync(join(folder, 'bundle.js'), 'two')
  expect((await codeOf(entry)).digest).not.toBe(before.digest)
  expect(before.source).toBe('download')
})
