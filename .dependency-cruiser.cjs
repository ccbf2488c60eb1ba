/**
 * Who may import whom: the floors of ARCHITECTURE.md. A folder imports only from lower floors; folders on one
 * floor do not see each other. Kept by `npm run imports`.
 */
const floors = [
  ['config', 'common'],
  ['recording', 'graphql', 'observability', 'redis', 'idempotency'],
  ['client-limits'],
  ['spotify', 'sample', 'auth'],
  ['sources'],
  ['tracks'],
  ['imports'],
  ['database'],
  ['health'],
];
const every = floors.flat();
const below = (folder) =>
  floors
    .slice(
      0,
      floors.findIndex((floor) => floor.includes(folder)),
    )
    .flat();

const floorRules = every.map((folder) => ({
  name: `floor-of-${folder}`,
  severity: 'error',
  comment: `src/${folder} imports only from lower floors`,
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: [`^src/${folder}/`, ...below(folder).map((lower) => `^src/${lower}/`)] },
}));

module.exports = {
  forbidden: [
    ...floorRules,
    {
      name: 'no-circle-of-files',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-circle-of-folders',
      severity: 'error',
      scope: 'folder',
      from: { path: '^src/[^/]+$' },
      to: { circular: true },
    },
    {
      name: 'private-parts-of-a-feature',
      severity: 'error',
      comment: "another feature's repository, entities and dto are its own; database/ lists entities",
      from: { path: '^src/([^/]+)/', pathNot: '^src/database/' },
      to: {
        path: '^src/[^/]+/(entities/|dto/|.+\\.repository\\.ts$)',
        pathNot: ['^src/$1/'],
      },
    },
    {
      name: 'database-sees-entities-only',
      severity: 'error',
      from: { path: '^src/database/' },
      to: { path: '^src/', pathNot: ['^src/database/', '^src/[^/]+/entities/', '^src/(config|common)/'] },
    },
    {
      name: 'orm-in-repositories-only',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: [
          '\\.(repository|query)\\.ts$',
          '/entities/',
          '^src/database/',
          '\\.module\\.ts$',
          '^src/health/',
          '^src/common/(columns|transaction|database-error|read-database)\\.ts$',
        ],
      },
      to: { path: 'node_modules/(typeorm|@nestjs/typeorm|better-sqlite3|mysql2|pg)/' },
    },
    {
      name: 'upstream-http-in-two-files',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: '^src/spotify/(spotify-http|spotify-token|spotify\\.module)(\\.spec)?\\.ts$',
      },
      to: { path: 'node_modules/(axios|@nestjs/axios)/' },
    },
    {
      name: 'no-test-code-in-src',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^test/' },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
