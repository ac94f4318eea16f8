// Generates the Prisma client of the schema named, a path from the repository's root.
import { must } from './toolchain.mjs'

await must(
  process.execPath,
  ['node_modules/prisma/build/index.js', 'generate', '--schema', process.argv[2]],
  {
    quiet: true,
  },
)
