/** Variables of the environment that begin as those of options do, and are none. */

/** Names the one file of the native part that is loaded; an absolute path. */
export const NATIVE_PATH_VARIABLE = 'MONODON_NATIVE_PATH'

/** `0` has nothing kept or used of what V8 compiles of monodon's own code. */
export const CODE_CACHE_VARIABLE = 'MONODON_CODE_CACHE'

/** All of them. */
export const OTHER_VARIABLES: readonly string[] = [NATIVE_PATH_VARIABLE, CODE_CACHE_VARIABLE]
