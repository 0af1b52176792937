/**
 * Every relaxation of a policy (TRUST §6), with what it gives up: the text that `policy init` writes behind `# UNSAFE:` and that a
 * report shows. Each is bound to the policy's one technology and platform: evidence of another one is refused before it can count.
 */
export const acceptances = {
  'accept-sample':
    'no TEE stands behind this run: sample evidence proves nothing, and the journal was written by an agent of the job’s own user',
  'accept-software-tpm':
    'the TPM is a program: whoever runs the host can forge its quotes; the journal was written by an agent of the job’s own user',
  'accept-self-asserted-job': 'no token says which job this was: the job is believed on its own word',
  'accept-machine-only':
    'any root process of the machine could have asked for the report, not only the agent; the journal was written by an agent of the job’s own user',
  'accept-coverage-short':
    'the measurement does not cover all of firmware, kernel, initrd, cmdline, rootfs, runner and agent',
  'accept-storage-exposed': 'workspace, temp, container storage or swap can be read or changed by the host',
  'accept-vmpl': 'the report was asked for at another VMPL than 0',
  'accept-no-register':
    'no register was extended by the agent: another agent may have run in the same boot of the machine before or beside it',
  'accept-resettable-register': 'whoever has the TPM can set the register back and extend it anew: for tests only',
  'accept-foreign-extensions': 'others extended the agent’s register: another agent may have run in the same boot',
  'accept-no-crl': 'no AMD revocation list (CRL) was checked for the authority of the chip’s key',
  'accept-new-report-version':
    'an SNP report is of a version that no genuine report had shown when this program was written: it is read by the published layout',
  'accept-tcb-status': 'Intel says that the platform needs an update or another configuration',
  'accept-tdx-attributes':
    'the host can take memory of the TD away unseen (SEPT_VE_DISABLE is off, as under Azure’s paravisor)',
  'accept-unproven-time': 'no trusted time stamps the statements: they may be older or younger than they say',
  'accept-unwitnessed-log': 'no witness watches the log: its operator could show other readers another log',
  'accept-unchecked-content': 'the content is encrypted and the gate has no key: nobody looked into it',
  'accept-purged-layers':
    'layers were purged from the archive: nobody looked into the content, now or at any later time',
  'accept-incomplete-sbom':
    'a package database or marker in the image could not be read: the SBOM does not list the software that it stands for',
  'accept-signature-only': 'a pinned key or identity signed the image; nothing is known of the machine that made it',
  'accept-unlogged-signature':
    'no log shows the signature of an identity: a stolen or wrongly issued certificate would leave no trace there',
  'accept-unlogged-certificate':
    'no log promised to show the certificate of an identity: its authority could have issued it in secret',
  'accept-not-rebuilt': 'nobody rebuilt the image: that its source gives this digest is the builder’s word',
  'accept-unbound-source': 'the source is not a clean commit that the token names',
  'accept-claimed-steps':
    'what was built, described or encrypted is the word of whoever reached the agent’s socket: any step of the job could have said it',
  'accept-steps-isolation': 'foreign steps of the build (prepare, RUN) were kept apart by less than a sandbox',
  'accept-unknown-revocation':
    'nobody looked whether an authority revoked the certificate of a Notary Project signature',
  'accept-embedded-kbs': 'the image key went to a folder of the job: whoever reads that folder opens the image',
} as const
export type Acceptance = keyof typeof acceptances
export const acceptanceNames = Object.keys(acceptances) as Acceptance[]

/** Lines that are written as `true`; the one other names the weakest isolation of foreign steps that is accepted. */
export const plainAcceptances = acceptanceNames.filter((name) => name !== 'accept-steps-isolation')
