import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: ['src/index.ts', 'src/opentelemetry.ts', 'src/prometheus.ts'],
  format: ['esm', 'cjs'],
  platform: 'node',
  target: 'node20.19',
  dts: true,
  sourcemap: true,
  fixedExtension: true,
  // It warns that there is a CommonJS build at all, and a warning fails the build where CI is set.
  failOnWarn: false,
})
