/** SWC for Jest, with one cache for all projects: what it makes of a file does not depend on a project's settings. */
const swcJest = require('@swc/jest');

function createSharedTransformer(options) {
  const transformer = swcJest.createTransformer({ swcrc: false, ...options });
  return {
    ...transformer,
    getCacheKey: (source, file, details) =>
      transformer.getCacheKey(source, file, { ...details, configString: details.config.rootDir }),
  };
}

module.exports = { createSharedTransformer, createTransformer: createSharedTransformer };
