// Tests behind PgBouncer. Where the program is not installed, they are skipped, with that reason in their names.
import { describeOrSkip } from './or-skip.js'
import { hasPgBouncer } from './pgbouncer-process.js'

export { PgBouncer, type PgBouncerSettings } from './pgbouncer-process.js'

export const describeBehindPgBouncer = describeOrSkip(hasPgBouncer ? undefined : 'PgBouncer is not installed')
