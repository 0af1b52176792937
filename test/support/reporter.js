// Prints why each skipped test was skipped and the closing line `N passed, N failed`.
export default class ClosingLine {
  onRunComplete(_contexts, results) {
    for (const file of results.testResults) {
      for (const test of file.testResults) if (test.status === 'pending') console.log(test.fullName)
      if (file.testExecError) console.log(`did not run: ${file.testFilePath}`)
    }
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites
    console.log(`${results.numPassedTests} passed, ${failed} failed`)
  }
}
