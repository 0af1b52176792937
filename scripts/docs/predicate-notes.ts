import type { WrittenKind } from '../../src/statement/statement.ts'

/** What a page says of a predicate beside its schema and example. */
export interface PredicateNote {
  /** The end of "the statement says": no full stop. */
  says: string
  specification: string
  /** What its subject must be (TRUST §4). */
  subject: string
  signer: string
  when: string
  /** In place of the words before the schema. */
  schema?: string
  /** In place of the commands of cosign and jq. */
  read?: string
  checks: readonly string[]
}

const agent = 'the attested agent of the job; without an agent, the key of `signer`'
const outputOfBuild = 'an image that a `build` event of the job put out, or its encrypted form'
const described =
  'the published form of an image that an `sbom` event read in plain form, and that the job built, or verified with a verdict that passed ([images that others built](../foreign-images.md))'
const signing = 'by `sign-attest`, before the seal'
const bytes =
  'The digest of the embedded document equals an output of the `sbom` event: the bytes stand in the payload as they were written.'
const regenerated =
  'The gate regenerates the inventory and the packages from the pulled image and compares them. The word is "consistent", never "complete".'

const document = (schema: string): string =>
  `The predicate is the document itself. Sealwright checks a document that it reads against the official schema: ${schema}. The document is embedded byte for byte, so only the frame of the statement has a form of our own.`

const claimChecks = [
  'The signer is a key that the policy names for this kind of claim. The agent signs no claims, and a key that consumers pin for images must not sign verdicts.',
  'The subject is this very image.',
]

export const predicateNotes: Readonly<Record<WrittenKind, PredicateNote>> = {
  sign: {
    says: 'this job built or encrypted the image; `cosign verify` looks for it',
    specification: '[cosign signature as bundle](https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md)',
    subject: 'output of a `build` or `encrypt` event',
    signer: agent,
    when: signing,
    read: `\`\`\`sh
cosign verify --key signer.pub --private-infrastructure=true HOST/NAME@DIGEST
\`\`\`

cosign 2.5 reads the tag \`sha256-HEX.sig\`, cosign 3 the bundle. In a bundle file: \`jq '.dsseEnvelope.payload | @base64d | fromjson' bundle.json\`.`,
    checks: [
      'The subject is the published manifest. The predicate is empty and proves nothing further.',
      'The signature is of a key that the policy pins, or of the key that the evidence is bound to.',
      'cosign does not compare predicate types in `verify`: any bundle of that key on the image counts for it.',
    ],
  },
  provenance: {
    says: 'how the image was built: source, parameters, inputs, job and builder',
    specification: '[SLSA provenance v1](https://slsa.dev/spec/v1.2/provenance) with [our build type](../buildtype.md)',
    subject: outputOfBuild,
    signer: `${agent} (then the builder is \`plain\`)`,
    when: signing,
    checks: [
      '`buildDefinition.buildType` is ours; provenance of another type has other parameters.',
      '`runDetails.builder.id` equals the builder id that the gate computes from the verified evidence. The statement only claims it.',
      'The build record in `runDetails.byproducts` is an output of the `build` event that put out the image.',
      'The commit equals `sha` of the verified token, the tree was clean, and the hash of the context is the one in the event.',
      'Each parameter is as the section `build` of the policy allows. Parameters are wishes of whoever starts the job; a missing one is refused as `parameters-refused`.',
    ],
  },
  spdx: {
    says: 'what the image contains, as SPDX 2.3',
    specification: '[SPDX 2.3](https://spdx.github.io/spdx-spec/v2.3/)',
    subject: described,
    signer: agent,
    when: signing,
    schema: document('[SPDX 2.3](https://github.com/spdx/spdx-spec/blob/development/v2.3.1/schemas/spdx-schema.json)'),
    checks: [bytes, regenerated],
  },
  spdx3: {
    says: 'what the image contains, as SPDX 3.0.1',
    specification: '[SPDX 3.0.1](https://spdx.github.io/spdx-spec/v3.0.1/)',
    subject: described,
    signer: agent,
    when: signing,
    schema: document('[SPDX 3.0.1](https://spdx.org/schema/3.0.1/spdx-json-schema.json)'),
    checks: [bytes, regenerated],
  },
  cyclonedx: {
    says: 'what the image contains, as CycloneDX 1.6 or 1.7',
    specification: '[CycloneDX 1.6](https://cyclonedx.org/docs/1.6/json/)',
    subject: described,
    signer: agent,
    when: signing,
    schema: document(
      '[CycloneDX 1.6](https://cyclonedx.org/schema/bom-1.6.schema.json) or [1.7](https://cyclonedx.org/schema/bom-1.7.schema.json)',
    ),
    checks: [bytes, regenerated],
  },
  inventory: {
    says: 'which document lists every path of the image, by digest',
    specification: 'this page; the document: [statements.md](../statements.md#the-file-inventory)',
    subject: described,
    signer: agent,
    when: signing,
    checks: [
      'The digest of the document is an output of the `sbom` event. The document is a referrer of the image, of type `application/vnd.sealwright.inventory.v1`.',
      '`config` and `diffIds` are those of the pulled image.',
      'The inventory that the gate makes of the pulled image has the same digest.',
    ],
  },
  rebuild: {
    says: 'how often the image was built again with the same result, and by whom',
    specification: 'this page',
    subject: outputOfBuild,
    signer: agent,
    when: `${signing}. A rebuild that differed is never signed`,
    checks: [
      '`rebuilds.matched` equals `rebuilds.count`, and is at least what the policy asks for.',
      '`image.manifest` is the image or its plain form, and the `build` event with this build record names the same number of rebuilds.',
      '`independence: same-job` says only that the build is consistent. It never counts as another machine or another party.',
    ],
  },
  encryption: {
    says: 'which plain image an encrypted image was made of, layer by layer',
    specification: 'this page',
    subject: 'the encrypted image of one `encrypt` event whose plain image the job built or verified',
    signer: 'the attested agent. A plain key cannot sign it, because it needs the journal',
    when: signing,
    checks: [
      '`encrypted.manifest` is the image, and `config` its configuration.',
      'The layers are those of the manifest, in order; each `diffId` is the one in the configuration.',
      '`plain.manifest` and the pairs of layers are those of the `encrypt` event. At least one layer is encrypted.',
      'With a key the gate decrypts and compares the content. Without one the content is `not-checked` and refused unless the policy accepts that.',
    ],
  },
  evidence: {
    says: 'where the evidence bundle of the job is, by digest',
    specification: '[SCAI v0.3](https://github.com/in-toto/attestation/blob/main/spec/predicates/scai.md)',
    subject: 'output of `build` or `encrypt`, or input of a `verify` event',
    signer:
      'the attested agent. `sealwright runner attest` signs the attributes `boot-quote` and `build-dispatch` of a runner image',
    when: 'after the seal',
    checks: [
      'The statement proves nothing: it points to the bundle. Everything in it is checked against the reports.',
      'A bundle that no statement names is read too; a stranger’s statement excludes nothing.',
      'The key that signed is the key that both reports are bound to.',
    ],
  },
  vsa: {
    says: 'a gate verified the image by a policy, and the image passed',
    specification:
      '[SLSA verification summary v1](https://slsa.dev/spec/v1.2/verification_summary), with extension members named by URI',
    subject: 'input of a `verify` event of another job than the one that built the image',
    signer: 'the attested agent of the verifying job, or the key of the gate; never the key that signed the image',
    when: 'by `verify-deploy`, after a verdict that passed. It holds the time of its making',
    read: `A summary exists as a bundle only, which cosign 2.5 reads with \`--new-bundle-format\`. A key needs no trust root, so an empty one is enough:

\`\`\`sh
echo '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}' |
  cosign verify-attestation --key gate.pub --private-infrastructure=true --new-bundle-format \\
    --trusted-root /dev/stdin --type https://slsa.dev/verification_summary/v1 HOST/NAME@DIGEST \\
  | jq '.payload | @base64d | fromjson | .predicate'
\`\`\``,
    checks: [
      '`verifier.id`, the key, and the digest of the policy are the pinned ones.',
      '`verificationResult` is `PASSED`, and `timeVerified` is not older than allowed and not in the future.',
      'The extension `expires` has not passed. An expiry that cannot be read is refused.',
      'The extension `exceptions` names each relaxation of the policy that the verdict needed.',
    ],
  },
  promotion: {
    says: 'the receiver verified the image by its policy and copied it to another place',
    specification: 'this page; [promote.md](../promote.md)',
    subject: 'the promoted image, which passed the policy at the source and at the target',
    signer: 'the key or certificate of the receiver, or the attested agent whose worker promoted the image',
    when: 'by `promote`, before the tag of the target is written. It holds the time of its making',
    read: `A record exists as a bundle only, which cosign 2.5 reads with \`--new-bundle-format\`, as it does [verification summaries](vsa.md). \`sealwright tree IMAGE\` lists it.`,
    checks: [
      'The signer is a key that `promotions` of the policy names. The record judges the image, so it never counts as the signature of a release key.',
      'The subject is this very image, `environment` is the one that the policy names, and `promotedOn` is not older than `max-age`.',
      '`policy.digest` is the policy that the receiver verified by; `verdict` names the builder and the exceptions that it took.',
      '`copied` and `leftBehind` are for readers. What is attached is read at the place of the image itself.',
    ],
  },
  vulns: {
    says: 'what a scanner found in the image',
    specification: '[vulns v0.2](https://github.com/in-toto/attestation/blob/main/spec/predicates/vulns_02.md)',
    subject: 'the image that the report names',
    signer: 'the key of the scanner; never the agent',
    when: 'by `sign-attest` with `claims`: [claims.md](../claims.md)',
    checks: [...claimChecks, 'The newest claim decides; `max-age` and `max-severity` of the policy hold.'],
  },
  openvex: {
    says: 'which findings matter for the image, and which do not',
    specification: '[OpenVEX v0.2.0](https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md)',
    subject: 'the image that the document names',
    signer: 'the key of the party that judged; never the agent',
    when: 'by `sign-attest` with `claims`: [claims.md](../claims.md)',
    schema:
      'The predicate is the OpenVEX document as its author wrote it. This JSON Schema is what Sealwright checks before it signs one; further members are kept.',
    checks: [
      ...claimChecks,
      'A statement sets a finding aside only if it names the finding and this image or the very package, and no later statement revokes it.',
    ],
  },
  'test-result': {
    says: 'which tests of the image passed and failed',
    specification:
      '[test-result v0.1](https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md)',
    subject: 'the image that was tested',
    signer: 'the key of the party that ran the tests; never the agent',
    when: 'by `sign-attest` with `claims`: [claims.md](../claims.md)',
    checks: [
      ...claimChecks,
      '`result` is `PASSED`, no test is listed as failed, and not all were skipped. Test results state no time, so every one of them has to pass.',
    ],
  },
  status: {
    says: 'whether the image may still be used: active, superseded, revoked or at the end of its life',
    specification: 'this page, and [status.md](../status.md)',
    subject: 'the image, or one manifest of it: an index and each of its manifests have a statement of their own',
    signer: 'a key or identity of the publisher that signs nothing else for the image; never the agent',
    when: 'by `sealwright status set`',
    checks: [
      'The signer is one that the policy names in `status`. A key that signed the image itself must not sign its status: cosign checks no predicate types.',
      'Of the statements of one signer about one image the one with the highest `serial` counts, and of equal serials the one that was issued later. Two that differ and are equal in both contradict each other, and the image is refused.',
      'Absence proves nothing: a registry can hide what is attached. Only `max-age` of the policy, a recent statement that has to be there, shows that nothing was hidden for longer than that.',
      '`expires` has not passed. A revocation does not expire.',
    ],
  },
  archive: {
    says: 'when the image was in production, which of its layers were deleted from the archive, and where its keys are kept',
    specification: 'this page, and [status.md](../status.md)',
    subject: 'the archived image',
    signer: 'the key of whoever keeps the archive; never the agent',
    when: 'by `sealwright archive record` and `sealwright archive purge`',
    checks: [
      'The signer is one that the policy names in `archive`.',
      'Layers that the statement names as purged were not read, so nothing about their content was checked: the policy must accept that by name.',
    ],
  },
  'kbs-state': {
    says: 'what kbs-publish wrote to a KBS, by names and digests, so that the next job knows it',
    specification: 'this page, and [kbs-publish.md](../kbs-publish.md#a-signed-state)',
    subject:
      'the plan as it was understood (`plan-path`); the statement is attached to no image and stands under a tag of its own',
    signer: 'the key of `state-key`; never the agent',
    when: 'by `kbs-publish` with `signed-state`, after the last write',
    checks: [
      'The signer is a pinned key, and the statement names this KBS and this plan.',
      'The KBS keeps the digest of the newest payload as the reference value `sealwright/state/NAME`. Another digest there means an older or foreign statement, except that of `previous`, where a run was killed before it wrote it.',
      'The digest of the resource policy is the one that the KBS keeps as `sealwright/resource-policy`.',
    ],
  },
}
