/**
 * Work of the pool that serves no caller in particular: it runs outside of the context (`AsyncLocalStorage`) of the
 * request that happened to set it off. Else the user's hooks would see a request that they have nothing to do with,
 * and each connection would keep the context of the request that opened it alive.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

/** Calls a function in the context in which this module was loaded, which is none, unless a request loaded it. */
export const outsideRequests: <T>(work: () => T) => T = AsyncLocalStorage.snapshot()
