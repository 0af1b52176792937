import { referenceDocument, type ImageStatements } from '../../../src/tee/predict/document.ts'
import type { Prediction } from '../../../src/tee/predict/prediction.ts'
import { parseReferenceValues, writeReferenceValues } from '../../../src/tee/reference/values.ts'

const prediction: Prediction = {
  name: 'uki.efi',
  technology: 'tpm',
  covers: ['kernel', 'initrd', 'cmdline'],
  inputs: { uki: { name: 'uki.efi', digest: `sha256:${'11'.repeat(32)}` } },
  values: [{ shape: { profile: 0 }, measured: { pcr11: 'ab'.repeat(32) } }],
  experimental: [],
  notes: [],
}
const silent: ImageStatements = {
  name: null,
  covers: [],
  storage: 'exposed',
  level: 'machine-only',
  bootJobs: null,
  captured: {},
  notBefore: null,
  notAfter: null,
}

test('an owner who says nothing gets what the prediction pins, and nothing more', () => {
  const document = referenceDocument(prediction, silent)
  expect(parseReferenceValues(writeReferenceValues(document), 'document')).toEqual({
    type: 'https://sealwright.dev/reference-values/v1',
    name: 'uki.efi',
    technology: 'tpm',
    covers: ['kernel', 'initrd', 'cmdline'],
    storage: 'exposed',
    level: 'machine-only',
    inputs: prediction.inputs,
    values: prediction.values,
  })
  const marked = referenceDocument({ ...prediction, experimental: ['pcr11'] }, silent)
  expect(marked.experimental).toEqual(['pcr11'])
})

test('captured values stand in every row and among the inputs, and a captured firmware value pins the firmware', () => {
  const values = [...prediction.values, { shape: { profile: 1 }, measured: { pcr11: 'cd'.repeat(32) } }]
  const captured = { pcr0: '00'.repeat(32) }
  const found = referenceDocument(
    { ...prediction, values },
    { ...silent, captured, covers: ['firmware', 'kernel', 'agent'], name: 'runner 7', bootJobs: 3 },
  )
  expect(found).toMatchObject({ name: 'runner 7', covers: ['firmware', 'kernel', 'agent'], 'boot-jobs': 3 })
  expect(found.inputs['captured-pcr0']).toEqual({ name: 'captured', digest: null })
  expect(found.values.map(({ measured }) => measured['pcr0'])).toEqual([captured.pcr0, captured.pcr0])
})

test.each<[string, Partial<Prediction>, Partial<ImageStatements>, object]>([
  ['an unknown part', {}, { covers: ['disk'] }, { subject: 'covers', message: /"disk"/ }],
  ['firmware without a value of it', {}, { covers: ['firmware'] }, { subject: 'covers', message: /"firmware"/ }],
  [
    'an agent on a boot that is not pinned whole',
    { covers: ['kernel', 'cmdline'] },
    { covers: ['agent'] },
    { subject: 'covers', remedy: /pinned only through the initrd/ },
  ],
  [
    'a captured value that is predicted',
    {},
    { captured: { pcr11: '00'.repeat(32) } },
    { subject: 'captured', message: /pcr11 is predicted already/ },
  ],
])('%s is refused', (_title, changed, statements, { subject, message, remedy }: Partial<Record<string, unknown>>) => {
  const error = caught(() => referenceDocument({ ...prediction, ...changed }, { ...silent, ...statements }))
  expect(error).toMatchObject({ code: 'input-invalid', subject })
  if (message !== undefined) expect(error).toHaveProperty('message', expect.stringMatching(message as RegExp))
  if (remedy !== undefined) expect(error).toHaveProperty('remedy', expect.stringMatching(remedy as RegExp))
})

function caught(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('nothing was refused')
}
