import { isObject, type JsonObject } from '../../base/json.ts'
import { fileDigest, memberCount, memberObject, memberText, refusal, register, type Published } from './values.ts'

const limits = { variants: 1024 } as const
/** Version whose SNP values stand in `snp_variants`, one for each number of processors. */
const version = 3

export function isConfosManifest(value: JsonObject): boolean {
  return typeof value['version'] === 'number' && isObject(value['build']) && isObject(value['outputs'])
}

/**
 * `manifest.json` of a machine image that confos built: launch digests of its IGVM files, MRTD and RTMR1 and 2. RTMR0 is left out there on purpose.
 *
 * @throws VerificationError `format-invalid`, also for other versions
 */
export function readConfosManifest(value: JsonObject, subject: string): Published[] {
  if (value['version'] !== version)
    throw refusal(
      subject,
      `is a manifest of version ${String(value['version'])}`,
      `Build the image again: version ${version} is read.`,
    )
  const outputs = memberObject(value, 'outputs', subject)
  const disk = memberObject(outputs, 'disk_image', subject)
  const name = memberText(disk, 'path', subject)
  const all = { name, covers: ['firmware', 'kernel', 'initrd', 'cmdline'], experimental: [], notes: [] } as const
  const inputs = { 'disk-image': fileOf(disk, subject), uki: fileOf(memberObject(outputs, 'uki', subject), subject) }
  const found: Published[] = []
  const variants = value['snp_variants'] ?? []
  if (!Array.isArray(variants) || variants.length > limits.variants)
    throw refusal(
      subject,
      `has no list "snp_variants" of at most ${limits.variants}`,
      'Give the file as confos wrote it.',
    )
  if (variants.length > 0) found.push({ ...all, technology: 'snp', ...variantsOf(variants, inputs, subject) })
  if (value['tdx'] !== undefined) {
    const tdx = memberObject(value, 'tdx', subject)
    const measured = {
      'mr-td': register(tdx['mrtd'], 'mrtd', subject),
      rtmr1: register(tdx['rtmr1'], 'rtmr1', subject),
      rtmr2: register(tdx['rtmr2'], 'rtmr2', subject),
    }
    found.push({ ...all, technology: 'tdx', inputs, values: [{ shape: {}, measured }] })
  }
  if (found.length > 0) return found
  throw refusal(subject, 'has neither snp_variants nor tdx', 'Build the image with one of them.')
}

function variantsOf(variants: readonly unknown[], inputs: Published['inputs'], subject: string) {
  const files: Published['inputs'] = { ...inputs }
  const values = variants.map((variant) => {
    if (!isObject(variant))
      throw refusal(subject, 'has a variant that is not an object', 'Give the file as confos wrote it.')
    const vcpus = memberCount(variant, 'smp', subject)
    const key = `igvm-${vcpus}`
    if (Object.hasOwn(files, key))
      throw refusal(subject, `has two variants for ${vcpus} processors`, 'Build the image again.')
    // A document names at most 64 inputs.
    if (variants.length <= 32) files[key] = fileOf(memberObject(variant, 'igvm', subject), subject)
    const { snp_launch_digest: digest } = memberObject(variant, 'measurement', subject)
    return { shape: { vcpus }, measured: { measurement: register(digest, 'snp_launch_digest', subject) } }
  })
  return { inputs: files, values }
}

function fileOf(file: JsonObject, subject: string): Published['inputs'][string] {
  return { name: memberText(file, 'path', subject), digest: fileDigest(file['sha256'], 'sha256', subject) }
}
