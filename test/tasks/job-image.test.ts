import { join } from 'node:path'
import { door as encrypt } from '../../src/actions/encrypt/main.ts'
import { door as sbom } from '../../src/actions/sbom/main.ts'
import { door as signAttest } from '../../src/actions/sign-attest/main.ts'
import { door as verifyDeploy } from '../../src/actions/verify-deploy/main.ts'
import { openState } from '../../src/agent/state.ts'
import type { ActionDoor } from '../../src/doors/context.ts'
import { definitions } from '../../src/doors/definitions.generated.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { jobImage } from '../../src/tasks/job-image.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { AgentDouble } from '../../testkit/task-agent.ts'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'

const ports = testPorts()

async function state(alone: boolean) {
  const own = openState(join(scratch('job-image'), 'state'), ports)
  await own.rememberImage('sha256:1', 'oci:/plain:1@sha256:1', 'plain')
  await own.rememberImage('sha256:2', 'oci:/published:1@sha256:2', 'published')
  const agent = new AgentDouble(own, ports)
  return { ...own, agent: async () => (alone ? null : agent.client) }
}

/** What the action does with a state that remembers images, where no image is given. */
async function remedyWithoutAgent(door: ActionDoor): Promise<unknown> {
  const directory = scratch('job-image')
  const key = join(directory, 'key.pem')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(join(directory, 'kek'), Buffer.alloc(32))
  const policy = join(directory, 'policy.yml')
  const pem = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' })
  writeFileSync(policy, JSON.stringify({ version: 1, 'accept-signature-only': true, 'release-keys': [{ key: pem }] }))
  const given: Record<string, string> = {
    signer: door.name === 'sign-attest' ? 'key' : 'none',
    ...(door.name === 'sign-attest' ? { key } : {}),
    recipients: 'kbs:///default/key/app',
    'key-file': join(directory, 'kek'),
    policy,
  }
  const { inputs = [] } = definitions[door.name] ?? {}
  const raw = rawInputs({
    given: (name) => (inputs.some((input) => input.name === name) ? given[name] : undefined),
    defaults: Object.fromEntries(inputs.map((input) => [input.name, input.default])),
    ports,
    confine: null,
    label: (name) => name,
  })
  return door.run(raw, { ports, state: await state(true) }).catch((error: unknown) => error)
}

test('with an agent, the last image of the job in one of the roles', async () => {
  expect(await jobImage(await state(false), ['plain'])).toBe('oci:/plain:1@sha256:1')
  expect(await jobImage(await state(false), ['plain', 'published'])).toBe('oci:/published:1@sha256:2')
  await expect(jobImage(await state(false), ['encrypted'])).rejects.toMatchObject({
    code: 'input-missing',
    message: 'no image was given, and this job has published none',
  })
})

test.each([encrypt, sbom, signAttest, verifyDeploy])(
  '$name takes no image from a state without an agent: it may be left over from an earlier run',
  async (door) => {
    expect(await remedyWithoutAgent(door)).toMatchObject({
      code: 'input-missing',
      subject: 'image',
      message: 'no image was given, and no agent runs whose job could name one',
    })
  },
)
