/**
 * The form of a workflow for users of one release: `$/actions/NAME` and `./actions/NAME` of the defining repository become
 * `OWNER/REPO/actions/NAME@SHA`, and so do its root action and its reusable workflows, so that a caller's checkout, which the caller controls,
 * is never where our code comes from. GitHub Enterprise Server and act do not know `$/` and need this form.
 *
 * @throws Error when the commit is not a full SHA-1, or nothing was there to replace
 */
export function renderReleased(text: string, repository: string, sha: string): string {
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository)) throw new Error(`${repository} is not OWNER/REPO`)
  if (!/^[0-9a-f]{40}$/.test(sha)) throw new Error(`${sha} is not the full id of a commit: a tag can be moved`)
  let count = 0
  const ours = /^(\s*(?:- )?uses: )[.$](?:\/|(\/(?:actions\/[a-z-]+|\.github\/workflows\/[a-z-]+\.yml)))$/gm
  const rendered = text.replace(ours, (_all, key: string, path = '') => {
    count += 1
    return `${key}${repository}${path}@${sha}`
  })
  if (count === 0) throw new Error('the workflow uses no action of this repository')
  const left = /^\s*(?:- )?uses: ([.$]\/\S*)/m.exec(rendered)
  if (left !== null)
    throw new Error(`the workflow uses ${left[1]}, which is not an action or workflow of this repository`)
  return rendered
}
