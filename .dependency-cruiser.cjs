/** The house rules. Each `comment` is what a developer reads when the rule breaks. */
const F = '^packages/broker/src/features/';
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'Two files need each other: extract the shared part, or pass it in.',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'rooms-share-types-only',
      severity: 'error',
      comment:
        'A room may name another room in a type, never call its code. Ask for it as a parameter; broker.ts hands it over.',
      from: { path: `${F}([^/]+)/`, pathNot: '[.]test[.]ts$' },
      to: { path: F, pathNot: `${F}$1/`, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'rooms-meet-at-the-front-door',
      severity: 'error',
      comment: "Even a type comes from the other room's front file, features/<room>/<room>.ts.",
      from: { path: `${F}([^/]+)/` },
      to: { path: F, pathNot: [`${F}$1/`, `${F}([^/]+)/\\1[.]ts$`] },
    },
    {
      name: 'rooms-know-ports-not-adapters',
      severity: 'error',
      comment: 'A room knows the port (engines/<port>/<port>.ts). Only engines.ts chooses an adapter.',
      from: { path: F, pathNot: '([.]test[.]ts|/testing/[^/]+[.]ts)$' },
      to: { path: '^packages/broker/src/engines/', pathNot: 'engines/([^/]+)/\\1[.]ts$' },
    },
    {
      name: 'engines-look-down',
      severity: 'error',
      comment: 'An engine knows nothing of the rooms, of HTTP or of settings.',
      from: { path: '^packages/broker/src/engines/' },
      to: { path: '^packages/broker/src/(features|http|config)/' },
    },
    {
      name: 'kernel-stands-alone',
      severity: 'error',
      comment: 'kernel/ imports nothing of ours.',
      from: { path: '^packages/broker/src/kernel/' },
      to: { path: '^packages/', pathNot: '^packages/broker/src/kernel/' },
    },
    {
      name: 'sequelize-stays-in-stores',
      severity: 'error',
      comment: 'Only *-store.ts and engines/database may see Sequelize.',
      from: { path: '^packages/broker/', pathNot: ['-store[.]ts$', 'engines/database/'] },
      to: { path: 'node_modules/sequelize' },
    },
    {
      name: 'redis-stays-in-engines',
      severity: 'error',
      comment: 'Only engines/ may see ioredis or rsmq.',
      from: { path: '^packages/', pathNot: '^packages/broker/src/engines/' },
      to: { path: 'node_modules/(ioredis|rsmq)' },
    },
    {
      name: 'packages-meet-at-index',
      severity: 'error',
      comment: 'The CLI talks to the broker through the SDK, and to the SDK through its index.',
      from: { path: '^packages/([^/]+)/', pathNot: '([.]test[.]ts|/testing/[^/]+[.]ts)$' },
      to: {
        path: '^packages/',
        pathNot: ['^packages/$1/', '^packages/(sdk|broker)/src/index[.]ts$', '^packages/php-bridge-spec/'],
      },
    },
    {
      name: 'only-the-cli-runs-the-broker',
      severity: 'error',
      comment: 'The CLI starts the daemon from its package entry; nobody else imports the broker.',
      from: { path: '^packages/(sdk|php-bridge-spec)/' },
      to: { path: '^packages/broker/' },
    },
    {
      name: 'tui-state-is-plain',
      severity: 'error',
      comment: 'tui/state holds pure functions: no React, no Ink, no network.',
      from: { path: '^packages/cli/src/tui/state/' },
      to: { path: 'node_modules/(react|ink)|^packages/sdk' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['[.]generated[.]ts$', '/dist/'] },
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx', '.js', '.d.ts'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
};
