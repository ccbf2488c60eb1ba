/**
 * Tells `test/run.mjs` how many tests passed, failed and were skipped, and ends the run, workers included, when that
 * process dies: with it go the database servers.
 */
module.exports = class TallyReporter {
  constructor() {
    if (!process.send) return;
    process.once('disconnect', () => {
      try {
        process.kill(-process.pid, 'SIGKILL');
      } catch {
        process.exit(1);
      }
    });
    process.channel.unref();
  }

  onRunComplete(_contexts, results) {
    process.send?.({
      type: 'tally',
      tally: {
        passed: results.numPassedTests,
        // A suite that could not even be loaded has no tests to count, yet it failed.
        failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
        skipped: results.numPendingTests + results.numTodoTests,
      },
    });
  }
};
