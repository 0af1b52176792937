import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readingOnce } from '../../src/tasks/publish/secrets.ts'
import { runInProcess } from '../../testkit/in-process.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

// What a plan compares is what it writes: a source is read once.

test('a small source is asked for once and overwritten at the end; a large one and other secrets are asked for again', async () => {
  const asked: string[] = []
  const { caller, forget } = readingOnce({
    fetch: () => Promise.reject(new Error('nothing is fetched')),
    deliver: () => Promise.reject(new Error('nothing is delivered')),
    secret: (name) => {
      asked.push(name)
      return Promise.resolve(name.endsWith('none') ? null : randomBytes(name.endsWith('large') ? (64 << 10) + 1 : 32))
    },
  })
  const small = await caller.secret('source:env:SMALL')
  expect(await caller.secret('source:env:SMALL')).toBe(small)
  for (const name of ['source:file:large', 'admin-key', 'source:env:none']) {
    await caller.secret(name)
    await caller.secret(name)
  }
  expect(asked).toEqual([
    'source:env:SMALL',
    ...['source:file:large', 'admin-key', 'source:env:none'].flatMap((one) => [one, one]),
  ])
  forget()
  expect(small).toEqual(Buffer.alloc(32))
  expect(await caller.secret('source:env:SMALL')).not.toBe(small)
})

test.each(['plan', 'apply'])('mode %s reads each source once', async (mode) => {
  const directory = scratch('sources')
  const plan = join(directory, 'plan.yml')
  const entry = (tag: string, source: string): string =>
    `  - {uri: "kbs:///team/secret/${tag}", source: "env:${source}", admit: [{technology: sample}]}\n`
  writeFileSync(plan, `version: 1\naccept-sample: true\nresources:\n${entry('a', 'ONE')}${entry('b', 'TWO')}`)
  const read: string[] = []
  const env = Object.defineProperties<Record<string, string | undefined>>(
    {},
    Object.fromEntries(['ONE', 'TWO'].map((name) => [name, { get: () => (read.push(name), `value of ${name}`) }])),
  )
  const words = ['kbs-publish', '--kbs-url', `embedded:${join(directory, 'kbs')}`, '--plan', plan, '--mode', mode]
  expect(await runInProcess(words, testPorts({ env }))).toMatchObject({ outcome: 'done', outputs: { changed: 'true' } })
  expect(read.sort()).toEqual(['ONE', 'TWO'])
})
