import { cp } from 'node:fs/promises'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { policyText } from '../../testkit/policy-text.ts'
import type { Finished, Kit, Question } from '../../testkit/tampers/kit.ts'
import { tampers } from '../../testkit/tampers/list.ts'
import { forgeChain, makeIssuer, type ChainBase } from '../../testkit/chain.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { encryptedBase, putSmallImage, smallBase, smallFiles } from '../../testkit/small-image.ts'

const ports = testPorts()
const issuer = makeIssuer()
const now = new Date()

async function prepared(encrypted: boolean): Promise<{ layout: string; base: ChainBase }> {
  const layout = join(scratch('verify'), 'layout')
  const store = openStore(parseReference(`oci:${layout}`, '/'), ports)
  const plain = await putSmallImage(store, smallFiles)
  const base = await smallBase(store, plain)
  return { layout, base: encrypted ? await encryptedBase(store, base, ports) : base }
}

const finished = prepared(false)
const sealed = prepared(true)

async function copyOf(source: Promise<{ layout: string; base: ChainBase }>): Promise<Finished> {
  const { layout, base } = await source
  const target = join(scratch('verify'), 'layout')
  await cp(layout, target, { recursive: true })
  return { layout: target, base, store: openStore(parseReference(`oci:${target}`, '/'), ports) }
}

function kit(encrypted: boolean): Kit {
  const directory = scratch('verify')
  return {
    issuer,
    at: now,
    directory,
    technology: 'sample',
    forge: ({ store, base }, options) => forgeChain(store, base, { issuer, at: now, ...options }),
    finished: () => copyOf(encrypted ? sealed : finished),
    small: () => copyOf(finished),
    policy: (base, changes) => policyText(base, issuer, changes),
    file: async (name, text) => {
      const path = join(directory, name)
      await writeFile(path, text)
      return path
    },
  }
}

async function ask({ image, policy }: Question): Promise<Verdict> {
  return verifyImage(image, await parsePolicy(policy, '/policy.yml'), { at: now }, ports)
}

test('the untampered chain is accepted', async () => {
  const tools = kit(false)
  const found = await tools.finished()
  await forgeChain(found.store, found.base, { issuer, at: now })
  const verdict = await ask({
    image: `oci:${found.layout}@${found.base.subject.digest}`,
    policy: tools.policy(found.base),
  })
  expect(verdict.checks.filter(({ status }) => status === 'failed')).toEqual([])
  expect(verdict).toMatchObject({ verified: true, reasons: [], exceptions: ['accept-sample', 'accept-unproven-time'] })
})

test('an untampered encrypted chain lacks only the look into the content', async () => {
  const tools = kit(true)
  const found = await tools.finished()
  await forgeChain(found.store, found.base, { issuer, at: now })
  const image = `oci:${found.layout}@${found.base.subject.digest}`
  const verdict = await ask({ image, policy: tools.policy(found.base) })
  expect(verdict.reasons).toEqual(['not-checked'])
  expect(
    (await ask({ image, policy: tools.policy(found.base, { 'accept-unchecked-content': true }) })).exceptions,
  ).toContain('accept-unchecked-content')
})

const needsEncryption = ['plain digest that is not the attested one', 'gate without key on an encrypted image']
const needsSigner = ['VSA by the key that signed the image']

test.each(tampers.filter(({ name }) => !needsSigner.includes(name)).map((tamper) => [tamper.name, tamper] as const))(
  '%s is refused for its own reason',
  async (name, tamper) => {
    const verdict = await ask(await tamper.prepare(kit(needsEncryption.includes(name))))
    expect({
      first: verdict.reasons[0],
      why: verdict.checks.filter(({ status }) => status === 'failed').map(({ id, why }) => `${id}: ${why}`),
    }).toMatchObject({ first: tamper.reason })
    expect(verdict.verified).toBe(false)
  },
)
