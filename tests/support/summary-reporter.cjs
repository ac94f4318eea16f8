// Ends the run with one plain line, `N passed, N failed, N skipped`, that tools and people find at a glance.
module.exports = class SummaryReporter {
  onRunComplete(_contexts, results) {
    const brokenSuites = results.numRuntimeErrorTestSuites
    const failed = results.numFailedTests + brokenSuites
    console.log(`${results.numPassedTests} passed, ${failed} failed, ${results.numPendingTests} skipped`)
  }
}
