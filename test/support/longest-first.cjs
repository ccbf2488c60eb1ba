/**
 * The order of the test files: those known to take long begin first, so that none of them runs on at the end while the other workers
 * have nothing to do. Jest knows durations only of runs before on the same machine, which CI has not.
 */
const { default: Sequencer } = require('@jest/test-sequencer');

const LONGEST = [
  'import-crash',
  'process',
  'import-schedules',
  'haproxy',
  'telemetry',
  'import-command',
  'rolling-restarts',
  'shutdown',
  'spotify-budget',
  'workers',
  'galera',
  'doctor',
  'monitoring',
  'tracks-repository-races',
  'pool',
  'outage',
  'backup',
];
const NAME = /([^/\\]+?)\.(e2e-)?spec\.ts$/;

module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    const place = ({ path }) => {
      const at = LONGEST.indexOf(NAME.exec(path)?.[1]);
      return at < 0 ? LONGEST.length : at;
    };
    return super.sort(tests).sort((one, other) => place(one) - place(other));
  }
};
