import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { publishableAnnotation } from '../../src/sign/publishable.ts'
import { attachedTo } from '../../src/tasks/sign/carry.ts'
import { scratch } from '../../testkit/ports.ts'
import { actionRunner } from '../../testkit/working-job.ts'
import { open, place, ports, receiver } from './support.ts'

/** Signs a scan of the image as claim, with the older tags too. */
async function signed(given: Record<string, string>): ReturnType<typeof place> {
  const made = await place()
  const folder = scratch('internal')
  const [report, key] = [join(folder, 'junit.xml'), join(folder, 'key.pem')]
  writeFileSync(key, receiver.key.export({ format: 'pem', type: 'pkcs8' }))
  writeFileSync(
    report,
    '<testsuites><testsuite name="s" tests="1"><testcase name="a" classname="s"/></testsuite></testsuites>',
  )
  await actionRunner(ports, join(folder, 'state'))('sign-attest', {
    image: made.from,
    signer: 'key',
    key,
    claims: report,
    ...given,
  })
  return made
}

const testResult = 'https://in-toto.io/attestation/test-result/v0.1'
const marked = 'it is marked as not publishable'

test('what sign-attest marks as internal stays inside; an archive takes it', async () => {
  const made = await signed({ internal: 'test-result' })
  const { left, copied } = await made.run(`oci:${scratch()}`)
  expect(left.map(({ type, reason }) => [type, reason])).toEqual([[testResult, marked]])
  expect(copied.map(({ type }) => type)).not.toContain(testResult)
  const archive = await made.run(`oci:${scratch()}`, { class: 'archive' })
  expect(archive.left).toEqual([])
  // No `.att` tag shows it, since that tag goes along as a whole.
  expect((await open(made.from).tags()).filter((tag) => tag.endsWith('.att'))).toEqual([])
  const nodes = await attachedTo(open(made.from), made.digest)
  expect(nodes.length).toBeGreaterThan(0)
  expect(nodes.map(({ content }) => content.annotations?.[publishableAnnotation])).not.toContain('false')
})

test('what is not named goes along', async () => {
  const made = await signed({ internal: 'vulns' })
  const { left, copied } = await made.run(`oci:${scratch()}`)
  expect(left).toEqual([])
  expect(copied.map(({ type }) => type)).toContain(testResult)
})

test('the signature of the image cannot be internal, nor what is no statement', async () => {
  for (const internal of ['sign', 'vex'])
    await expect(signed({ internal })).rejects.toMatchObject({ code: 'input-invalid', subject: 'internal' })
})
