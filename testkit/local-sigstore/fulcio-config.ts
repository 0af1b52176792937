/** What Fulcio writes into a certificate of each claim of a workflow's token: the names of its documented extensions, and claims or templates. */
const extensions = {
  'github-workflow-trigger': 'event_name',
  'github-workflow-sha': 'sha',
  'github-workflow-name': 'workflow',
  'github-workflow-repository': 'repository',
  'github-workflow-ref': 'ref',
  'build-signer-uri': '{{ .url }}/{{ .job_workflow_ref }}',
  'build-signer-digest': 'job_workflow_sha',
  'runner-environment': 'runner_environment',
  'source-repository-uri': '{{ .url }}/{{ .repository }}',
  'source-repository-digest': 'sha',
  'source-repository-ref': 'ref',
  'source-repository-identifier': 'repository_id',
  'source-repository-owner-uri': '{{ .url }}/{{ .repository_owner }}',
  'source-repository-owner-identifier': 'repository_owner_id',
  'build-config-uri': '{{ .url }}/{{ .workflow_ref }}',
  'build-config-digest': 'workflow_sha',
  'build-trigger': 'event_name',
  'run-invocation-uri': '{{ .url }}/{{ .repository }}/actions/runs/{{ .run_id }}/attempts/{{ .run_attempt }}',
  'source-repository-visibility-at-signing': 'repository_visibility',
} as const

/** Configuration of Fulcio for one issuer of workflow tokens. The first line makes it YAML: its members have other names in JSON. */
export function fulcioConfig(issuer: string): string {
  const provider = 'github-workflow'
  const config = {
    'oidc-issuers': {
      [issuer]: { 'issuer-url': issuer, 'client-id': 'sigstore', type: 'ci-provider', 'ci-provider': provider },
    },
    'ci-issuer-metadata': {
      [provider]: {
        'default-template-values': { url: 'https://github.com' },
        'extension-templates': extensions,
        'subject-alternative-name-template': '{{ .url }}/{{ .job_workflow_ref }}',
      },
    },
  }
  return `# YAML\n${JSON.stringify(config, null, 2)}\n`
}
