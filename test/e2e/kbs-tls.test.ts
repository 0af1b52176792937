import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parseJournal } from '../../src/journal/event.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { cli } from '../../testkit/cli.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { certificateFor } from '../../testkit/tls.ts'
import { startJob, type Job } from './job.ts'

// A KBS behind TLS whose certificate is replaced between encrypt and kbs-publish, with real workers (TRUST §4).

const [first, second] = [certificateFor('localhost'), certificateFor('localhost')]
const authorities = join(scratch('ca'), 'both.pem')
const folder = scratch('kbs')
const uri = 'kbs:///team/image-key/app'
const posted: string[] = []
let kbs: Awaited<ReturnType<typeof startKbs>>
let job: Job
let front: Server
let url: string

/** Ends TLS, and passes everything on to the KBS. */
function tlsBefore(target: string): Server {
  return createServer({ key: first.key, cert: first.cert }, (request, response) => {
    if (request.method === 'POST') posted.push(request.url ?? '')
    const onwards = httpRequest(
      target + (request.url ?? ''),
      { method: request.method, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    request.pipe(onwards)
  })
}

beforeAll(async () => {
  writeFileSync(authorities, Buffer.concat([first.cert, second.cert]))
  kbs = await startKbs({ directory: folder, listen: '127.0.0.1:0', ports: testPorts() })
  front = tlsBefore(kbs.url)
  front.listen(0, '127.0.0.1')
  await once(front, 'listening')
  url = `https://localhost:${(front.address() as AddressInfo).port}`
  job = await startJob(1, { NODE_EXTRA_CA_CERTS: authorities })
}, 60_000)
afterAll(async () => {
  await job.stop()
  front.closeAllConnections()
  front.close()
  await kbs.close()
  rmSync(job.folder, { recursive: true, force: true, maxRetries: 3 })
})

test('the key goes to the server that encrypt saw, and to no other under its name', async () => {
  await job.run('encrypt', '--recipients', uri, '--kbs-url', url)
  const encrypt = parseJournal(readFileSync(join(job.state, 'journal.jsonl'))).find(({ kind }) => kind === 'encrypt')
  expect(encrypt?.result).toMatchObject({
    kbsUrl: url,
    kbsKey: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
  })
  const plan = join(job.folder, 'plan.yml')
  writeFileSync(
    plan,
    `version: 1\nreplace-global: first\nresources: [{uri: "${uri}", source: agent, admit: [{technology: snp, measurements: [${'aa'.repeat(48)}]}]}]\n`,
  )
  const publish = ['kbs-publish', '--kbs-url', url, '--admin-key', join(folder, 'admin-key.pem'), '--plan', plan]

  front.setSecureContext({ key: second.key, cert: second.cert })
  front.closeAllConnections()
  posted.splice(0)
  const refused = await cli([...publish, '--state', job.state], { env: { NODE_EXTRA_CA_CERTS: authorities } })
  expect(refused).toMatchObject({ exitCode: 1, error: { code: 'key-mismatch', subject: new URL(url).host } })
  expect(posted.filter((path) => path.includes('/resource/'))).toEqual([])

  front.setSecureContext({ key: first.key, cert: first.cert })
  front.closeAllConnections()
  const { 'resource-uris': uris } = await job.run(...publish)
  expect(uris).toBe(uri)
  expect(posted.filter((path) => path.includes('/resource/'))).toEqual(['/kbs/v0/resource/team/image-key/app'])
}, 60_000)

test('for a KBS that does not answer nothing is encrypted', async () => {
  const other = ['--recipients', 'kbs:///team/image-key/other', '--kbs-url', 'https://localhost:1']
  const answer = await cli(['encrypt', ...other, '--state', job.state])
  expect(answer).toMatchObject({ exitCode: 3, error: { code: 'unreachable' } })
  const journal = parseJournal(readFileSync(join(job.state, 'journal.jsonl')))
  expect(journal.filter(({ kind }) => kind === 'encrypt')).toHaveLength(1)
})
