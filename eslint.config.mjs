// Lint rules. The import directions of CONTRIBUTING.md are enforced here, per folder of the adapter.
import js from '@eslint/js'
import prettier from 'eslint-config-prettier'
import tseslint from 'typescript-eslint'

/** Inside packages/adapter/src/<folder>, nothing may import from the folders and packages named. */
function forbidImports(folder, patterns, why) {
  return {
    files: [`packages/adapter/src/${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': ['error', { patterns: [{ regex: patterns, message: why }] }],
    },
  }
}

const PG_AT_RUN_TIME = {
  regex: '^pg$',
  allowTypeImports: true,
  message: 'Only pg/connector.ts imports pg at run time; import its types with `import type`.',
}

export default tseslint.config(
  { ignores: ['**/dist/**', '**/generated/**', '**/node_modules/**', '.data/**', 'coverage/**'] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNullish: false },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
      ],
    },
  },
  {
    files: ['packages/adapter/src/**/*.ts'],
    ignores: [
      'packages/adapter/src/pg/connector.ts',
      'packages/adapter/src/pool/**',
      'packages/adapter/src/convert/**',
    ],
    rules: {
      '@typescript-eslint/no-restricted-imports': ['error', { patterns: [PG_AT_RUN_TIME] }],
    },
  },
  {
    files: ['packages/adapter/src/**/*.ts'],
    ignores: ['packages/adapter/src/pool/clock.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setInterval', 'setImmediate', 'Date', 'performance'].map((name) => ({
          name,
          message: 'Time comes from the injected Clock (pool/clock.ts).',
        })),
      ],
    },
  },
  { files: ['packages/adapter/src/convert/**/*.ts'], rules: { 'no-restricted-globals': 'off' } },
  forbidImports(
    'pool',
    '^(?!\\./[^/]+\\.js$)',
    'pool/ imports nothing but itself: it knows neither Prisma nor PostgreSQL.',
  ),
  forbidImports(
    'pg',
    '^(\\.\\./(adapter|convert)/|\\.\\./index\\.js$|@prisma/)',
    'pg/ knows nothing of Prisma.',
  ),
  forbidImports(
    'observe',
    '^(?!\\./[^/]+\\.js$|\\.\\./pool/|node:diagnostics_channel$|@opentelemetry/api$|prom-client$)',
    'observe/ looks at the pool, and at nothing else.',
  ),
  forbidImports(
    'convert',
    '^(?!\\./[^/]+\\.js$|\\.\\./(pool/errors|redact)\\.js$|@prisma/driver-adapter-utils$|node:)',
    'convert/ is pure tables and functions.',
  ),
  {
    files: ['tests/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['tests/unit/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'setTimeout', message: 'Unit tests run on the manual clock.' },
      ],
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', '**/*.config.ts'],
    ...tseslint.configs.disableTypeChecked,
    languageOptions: {
      ...tseslint.configs.disableTypeChecked.languageOptions,
      globals: Object.fromEntries(
        ['process', 'console', 'module', 'require', 'URL', 'Buffer', '__dirname'].map((name) => [
          name,
          'readonly',
        ]),
      ),
    },
    rules: { ...tseslint.configs.disableTypeChecked.rules, 'no-restricted-syntax': 'off' },
  },
  prettier,
)
