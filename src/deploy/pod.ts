import { InputError } from '../base/errors.ts'
import { initdataAnnotation } from '../initdata/annotation.ts'

/** A pod of one container in a confidential guest. */
export interface PodRequest {
  /** Name of pod and container: a DNS label. */
  readonly name: string
  /** `HOST/NAME@sha256:…`: a tag could name another image tomorrow. */
  readonly image: string
  /** Handler of Kata's runtime for the guest's hardware, such as `kata-qemu-snp`. */
  readonly runtimeClass: string
  /** Value of the initdata annotation. */
  readonly initdata: string
}

/** RFC 1123, as Kubernetes takes names of containers. */
const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
const runtime = /^kata(-[a-z0-9]+)*$/

/**
 * The manifest of the pod, YAML. The host gets no token of the cluster into the guest, and no variables of other services: what it writes
 * there is nothing that the initdata measures.
 *
 * @throws InputError `input-invalid` for a name or runtime class that Kubernetes or Kata refuses
 */
export function podManifest({ name, image, runtimeClass, initdata }: PodRequest): string {
  if (!label.test(name))
    throw new InputError('input-invalid', `name: "${name}" is not a name of a container`, {
      subject: 'name',
      remedy: 'Use up to 63 lower-case letters, digits and dashes, a letter or digit at both ends.',
    })
  if (!runtime.test(runtimeClass))
    throw new InputError(
      'input-invalid',
      `runtime-class: "${runtimeClass}" is not a runtime class of Kata Containers`,
      {
        subject: 'runtime-class',
        remedy:
          'Use the class of the hardware: kata-qemu-snp, kata-qemu-tdx, kata-remote, or kata-qemu-coco-dev without hardware.',
      },
    )
  if (!/^[^\s"\\]+@sha256:[0-9a-f]{64}$/.test(image)) throw new Error(`${image} has no digest`)
  return `apiVersion: v1
kind: Pod
metadata:
  name: "${name}"
  annotations:
    ${initdataAnnotation}: "${initdata}"
spec:
  runtimeClassName: "${runtimeClass}"
  automountServiceAccountToken: false
  enableServiceLinks: false
  containers:
    - name: "${name}"
      image: "${image}"
`
}
