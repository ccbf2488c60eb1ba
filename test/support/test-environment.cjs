/**
 * Jest's environment for Node, where each worker compiles a module once: Jest itself compiles it again for every test file, which
 * costs more than the tests of most. Each file still evaluates its modules anew, in a context of its own.
 */
const vm = require('node:vm');
const { TestEnvironment } = require('jest-environment-node');

const original = vm.compileFunction;
/** By file name: what was compiled last, and from which source. */
const compiled = new Map();

/** A script that leaves the function behind: unlike a function, it can be run in many contexts. */
vm.compileFunction = function compileOnce(source, parameters, options) {
  const { filename, parsingContext } = options;
  if (parsingContext === undefined) return original.call(vm, source, parameters, options);
  const key = `${parameters.join()} ${filename}`;
  let entry = compiled.get(key);
  if (entry?.source !== source) {
    // As in Jest without its flag for ES modules, `import()` has no callback: the transformer has compiled it away.
    const script = new vm.Script(`(function (${parameters.join()}) {${source}\n})`, { filename });
    compiled.set(key, (entry = { source, script }));
  }
  return entry.script.runInContext(parsingContext);
};

module.exports = TestEnvironment;
