import { initdataAlgorithms } from '../../initdata/document.ts'
import { evidenceFormats } from '../../tee/formats/types.ts'
import type { Command } from '../command.ts'
import { option } from '../tee/evidence-options.ts'

/** Commands about what a pod's guest is told from outside, and measures. */
export const initdataCommands: Readonly<Record<string, Command>> = {
  'initdata make': {
    description:
      'Writes an initdata document from its files. It prints the values that are measured. The same files give the same bytes and digest, in any order.',
    inputs: [
      option(
        'file',
        'File for the guest (aa.toml, cdh.toml, policy.rego), named there as here; may be repeated.',
        '',
        true,
      ),
      option('algorithm', `Hash function: ${initdataAlgorithms.join(', ')}.`, 'sha256'),
      option('output', 'File to write; it must not exist.', '', true),
    ],
    examples: ['sealwright initdata make --file aa.toml --file policy.rego --output initdata.toml'],
    run: async (inputs) => (await import('./make.ts')).initdataMake(inputs),
  },
  'initdata show': {
    description: 'Prints the measured values of an initdata document. Its files and the annotation for a pod follow.',
    inputs: [option('file', 'Initdata document (TOML).', '', true)],
    positional: 'file',
    examples: ['sealwright initdata show initdata.toml --json'],
    run: async (inputs) => (await import('./make.ts')).initdataShow(inputs),
  },
  'initdata check': {
    description:
      'Compares an initdata document with evidence, a token or a pod. It names what differs. Exits with 1 if something does. Signatures are not checked.',
    inputs: [
      option('file', 'Initdata document (TOML).', '', true),
      option('evidence', 'File with evidence: HOST_DATA of SNP, MRCONFIGID of TDX or PCR 8 of a vTPM is compared.'),
      option('format', `Form of the evidence: auto, or one of ${evidenceFormats.join(', ')}.`, 'auto'),
      option('token', 'File with a token of Trustee (EAR): its claim init_data is compared.'),
      option('annotation', 'File with the value of the annotation for a pod.'),
      option('pod', 'Kubernetes manifest: the annotation of each pod in it is compared.'),
    ],
    positional: 'file',
    examples: ['sealwright initdata check initdata.toml --pod pod.yaml --evidence evidence.json'],
    run: async (inputs) => (await import('./check.ts')).initdataCheck(inputs),
  },
  'initdata put': {
    description:
      'Puts initdata or a policy for guests into a registry or OCI layout. It is an artifact with a digest, which sign-attest signs.',
    inputs: [
      option('file', 'File to put; it is read as what --kind says.', '', true),
      option('kind', 'initdata, agent-policy, image-policy or resource-policy.', 'initdata'),
      option('to', 'Where it is put: oci:DIR:TAG or HOST/NAME:TAG.', '', true),
    ],
    positional: 'file',
    examples: [
      'sealwright initdata put initdata.toml --to registry.example.org/team/app-initdata:1.0',
      'sealwright initdata put policy.rego --kind agent-policy --to oci:policies:agent',
    ],
    run: async (inputs, context) => (await import('./artifact.ts')).artifactPut(inputs, context),
  },
}
