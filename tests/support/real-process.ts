// Jest gives tests a copy of `process`, which hears of no warning, no rejection and no exception. This is the real one.
import vm from 'node:vm'

export const realProcess = vm.runInThisContext('process') as NodeJS.Process
