/**
 * The schema of the options for whoever checks a configuration before the pool is made, in the form that libraries
 * have agreed on (Standard Schema, version 1). What is valid comes back as it was given, without defaults.
 */
import * as v from 'valibot'
import { describeProblem } from './option-problems.js'
import { adapterSchema, OPTION_NAMES, realPoolSchema } from './option-schema.js'
import type { RealPoolAdapterOptions, RealPoolOptions } from './options.js'

/** A Standard Schema, which any library that takes those will take. */
export interface OptionsSchema<Options> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: 'prisma-pg-real-pool'
    readonly validate: (
      value: unknown,
    ) =>
      | { readonly value: Options; readonly issues?: undefined }
      | { readonly issues: readonly { readonly message: string; readonly path: readonly PropertyKey[] }[] }
    readonly types?: { readonly input: Options; readonly output: Options } | undefined
  }
}

/**
 * The options of `new RealPoolAdapter(…)`. It reads no URL, no file and no environment: those are for the
 * constructor.
 *
 * @example
 * ```ts
 * import { adapterOptionsSchema } from 'prisma-pg-real-pool'
 *
 * const result = adapterOptionsSchema['~standard'].validate(JSON.parse(process.env.DATABASE_OPTIONS ?? '{}'))
 * if (result.issues) throw new Error(result.issues.map(({ message }) => message).join('\n'))
 * ```
 */
export const adapterOptionsSchema: OptionsSchema<RealPoolAdapterOptions> = standard(adapterSchema)

/** The options of `new RealPool(…)`. */
export const realPoolOptionsSchema: OptionsSchema<RealPoolOptions> = standard(realPoolSchema)

function standard<Options>(schema: typeof adapterSchema | typeof realPoolSchema): OptionsSchema<Options> {
  return {
    '~standard': {
      version: 1,
      vendor: 'prisma-pg-real-pool',
      validate(value) {
        const { issues } = v.safeParse(schema, value)
        if (issues === undefined) return { value: value as Options }
        return {
          issues: issues.map((issue) => ({
            message: describeProblem(issue, OPTION_NAMES),
            path: issue.path?.map(({ key }) => key as PropertyKey) ?? [],
          })),
        }
      },
    },
  }
}
