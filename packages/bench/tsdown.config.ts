import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: ['src/main.ts'],
  format: ['esm'],
  platform: 'node',
  // As the adapter's own build has it: what is measured is the code that users run.
  target: 'node20.19',
  dts: false,
  sourcemap: true,
  fixedExtension: true,
})
