// Before the adapter is packed: its README and LICENSE are those of the repository.
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './toolchain.mjs'

for (const file of ['README.md', 'LICENSE'])
  copyFileSync(join(root, file), join(root, 'packages/adapter', file))
