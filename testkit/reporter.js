import { writeFileSync } from 'node:fs'

/**
 * Says why each skipped test was skipped, and gives the totals: to scripts/test.ts where that asks for them (it prints
 * the closing line after everything else), else as the line `N passed, N failed`. Where skips are not allowed
 * (`SEALWRIGHT_REQUIRE_PEERS=1`) each counts as a failure.
 */
export default class ClosingLine {
  onRunComplete(_contexts, results) {
    let skipped = 0
    for (const file of results.testResults) {
      for (const test of file.testResults) {
        if (test.status !== 'pending' && test.status !== 'todo') continue
        skipped += 1
        console.log(test.title.startsWith('skipped: ') ? test.title : `skipped: no reason given: ${test.fullName}`)
      }
      if (file.testExecError) console.log(`did not run: ${file.testFilePath}`)
    }
    const passed = results.numPassedTests
    const strict = process.env.SEALWRIGHT_REQUIRE_PEERS === '1'
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites + (strict ? skipped : 0)
    const path = process.env.SEALWRIGHT_TEST_TOTALS
    if (path === undefined) console.log(`${passed} passed, ${failed} failed`)
    else writeFileSync(path, JSON.stringify({ passed, failed }))
  }
}
