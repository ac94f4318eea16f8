// `npm run setup`: installs, generates and builds; what `npm start` and `npm test` do first.
import { setup } from './toolchain.mjs'

await setup()
