import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { commitAll } from './snapshot.ts'

/** Workflow of a caller in another repository. It gives publish.yml what a user's would. */
export function callerWorkflow(uses: string): string {
  return `name: Release
on:
  workflow_dispatch:
    inputs:
      output: { required: true, type: string }
      policy: { required: true, type: string }
      policy-digest: { default: '', type: string }
      kbs-url: { default: '', type: string }
permissions: {}
jobs:
  app:
    permissions:
      contents: read
      id-token: write
    uses: ${uses}
    with:
      technology: sample
      builder: embedded
      output: \${{ inputs.output }}
      recipients: kbs:///example/image-key/app
      kbs-url: \${{ inputs.kbs-url }}
      policy: \${{ inputs.policy }}
      policy-digest: \${{ inputs.policy-digest }}
`
}

/** Application of the caller: no packages, no programs. */
const application = {
  Containerfile: 'FROM scratch\nCOPY hello.txt /hello.txt\nENTRYPOINT ["/hello.txt"]\n',
  'hello.txt': 'hello\n',
}

/** Our actions by name, as a caller who wants to run other code in their place would write them: each says so in its log, and does nothing. */
function lookalikes(names: readonly string[]): Record<string, string> {
  const action = `name: lookalike
description: What a caller would put in the place of ours
outputs:
  image: { value: 'registry.example.com/lookalike:latest' }
  verified: { value: 'true' }
runs:
  using: composite
  steps:
    - run: echo "${lookalikeLine}"
      shell: bash
`
  return Object.fromEntries(names.map((name) => [`actions/${name}/action.yml`, action]))
}

/** What a lookalike prints when it runs. */
export const lookalikeLine = 'the action of the caller ran'

/**
 * A repository that calls publish.yml of another one. It has no `actions` folder, unless lookalikes are asked for by name.
 *
 * @param uses `OWNER/REPO/.github/workflows/publish.yml@SHA`
 */
export function makeCaller(folder: string, uses: string, names: readonly string[] = []): void {
  const files = { '.github/workflows/release.yml': callerWorkflow(uses), ...application, ...lookalikes(names) }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  execFileSync('git', ['-C', folder, 'init', '--quiet', '--initial-branch=main'])
  commitAll(folder)
}
