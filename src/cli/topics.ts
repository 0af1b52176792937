/** Pages of `sealwright help TOPIC` that belong to no single command. Lines of at most 100 characters. */
export const topics: Readonly<Record<string, { title: string; lines: readonly string[] }>> = {
  references: {
    title: 'How images and stores are named',
    lines: [
      'oci:DIR[:TAG][@DIGEST]           an OCI layout in a folder; DIR contains neither ":" nor "@"',
      'HOST[:PORT]/NAME[:TAG][@DIGEST]  a registry; HOST is always written',
      'oci-archive:FILE[:TAG][@DIGEST]  an OCI layout in a tar file; gzip and zstd are read only',
      'docker-archive:FILE[:NAME]       what docker save wrote; read only',
      'containers-storage:NAME          an image of Podman, Buildah or CRI-O on this machine; read only',
      'docker-daemon:NAME               an image of the Docker engine of this machine; read only',
      '',
      'What each command does with each store is in docs/stores.md.',
      '',
      'Reading without tag and digest takes the only tagged image. Writing without a tag uses "latest".',
      'Registry credentials are those of "docker login", "podman login" or "skopeo login"; certificates are',
      'those of certs.d/HOST[:PORT]. --registries-conf FILE (or $SEALWRIGHT_REGISTRIES_CONF) reads mirrors,',
      'insecure and blocked registries from a file; without it no such file is read.',
    ],
  },
  secrets: {
    title: 'How keys, passwords and tokens are given',
    lines: [
      'env:NAME   the value of an environment variable',
      'PATH       the content of a file; one line break at its end is dropped',
      '',
      'A literal secret on the command line is refused: other users of the machine could read it.',
    ],
  },
  state: {
    title: 'Where a job keeps its agent, journal and reports',
    lines: [
      '--state DIR, else $SEALWRIGHT_STATE, else $RUNNER_TEMP/sealwright, else ./.sealwright',
      '',
      'An agent (sealwright setup-cvm-runner) keeps a journal there. With an agent, later commands take the',
      'image of the job from the journal; without one, --image is required.',
      'The folder "reports" holds the report of each action as JSON, Markdown and HTML.',
    ],
  },
  lists: {
    title: 'How options take several values',
    lines: [
      'Options are repeated: --public-key a.pub --public-key b.pub',
      'Inputs of a workflow step are one value a line. In both, commas separate values too, except in',
      '--build-args and --labels.',
    ],
  },
  'exit-codes': {
    title: 'Exit codes',
    lines: [
      '0  verified, or done',
      '1  refused: what was read is not what it claims to be, or a policy does not accept it',
      '2  wrong use: fix what was typed, configured or installed',
      '3  transport: a registry, a KBS, a tool or the network failed; try again',
      '4  internal: a defect of sealwright, please report it',
    ],
  },
}
