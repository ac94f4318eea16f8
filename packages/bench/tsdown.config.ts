import { defineConfig } from 'tsdown'

export default defineConfig({
  // What runs in processes and threads of its own has a file of its own.
  entry: {
    main: 'src/main.ts',
    'contender-process': 'src/compare/contender-process.ts',
    'delay-process': 'src/compare/delay-process.ts',
    'alarm-thread': 'src/compare/alarm-thread.ts',
  },
  format: ['esm'],
  platform: 'node',
  // As the adapter's own build has it: what is measured is the code that users run.
  target: 'node20.19',
  dts: false,
  // Loaded as users do, and not made part of us.
  external: ['@prisma/adapter-pg'],
  sourcemap: true,
  fixedExtension: true,
})
