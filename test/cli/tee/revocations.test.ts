import { generateKeyPairSync } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { signValuesOptions, verifyValuesOptions } from '../../../src/cli/tee/predict-options.ts'
import { signReferenceValues, verifyReferenceValues } from '../../../src/cli/tee/reference-values.ts'
import { scratch } from '../../../testkit/ports.ts'
import { commandLine } from './given.ts'

// Lists of revoked values are signed and verified by the commands for reference values.

const line = commandLine()
const folder = scratch('revocations')
const at = (name: string): string => join(folder, name)
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
writeFileSync(at('guard.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
writeFileSync(at('guard.pub'), publicKey.export({ type: 'spki', format: 'pem' }))

const written = `{
  "type": "https://sealwright.dev/reference-value-revocations/v1",
  "name": "guests", "sequence": 7,
  "not-before": "2020-01-01T00:00:00Z", "not-after": "2999-01-01T00:00:00Z",
  "revoked": [{ "value": "${'ab'.repeat(48)}", "reason": "a kernel with a hole" }]
}`
let number = 0
async function sign(text: string): Promise<string> {
  const [document, output] = [at(`list-${number}.json`), at(`list-${number++}.dsse.json`)]
  writeFileSync(document, text)
  await line.run(signReferenceValues, signValuesOptions, { document, key: at('guard.key'), output })
  return output
}

test('a list is signed as it was written by hand, and read back', async () => {
  const file = await sign(written)
  const given = { file, 'public-key': at('guard.pub') }
  const { outputs, text } = await line.run(verifyReferenceValues, verifyValuesOptions, given)
  expect(outputs).toEqual({ name: 'guests', sequence: '7', revoked: '1' })
  expect(text).toContain('a kernel with a hole')
})

test.each([
  ['a member that stands twice', written.replace('"sequence": 7,', '"sequence": 7, "sequence": 8,'), 'file-invalid'],
  ['no end', written.replace(/, "not-after": "[^"]+"/, ''), 'format-invalid'],
  ['no JSON', written.slice(0, -1), 'file-invalid'],
])('a list with %s is not signed', async (_, text, code) => {
  await expect(sign(text)).rejects.toMatchObject({ code })
  expect(existsSync(at(`list-${number - 1}.dsse.json`))).toBe(false)
})
