// Runs pnpm at the version that `packageManager` names, so that no script of ours needs it installed.
import { pnpm } from './toolchain.mjs'

await pnpm(process.argv.slice(2))
