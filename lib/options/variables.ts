/** Variables of the environment that begin as those of options do, and are none. */

/** Names the one file of the native part that is loaded; an absolute path. */
export const NATIVE_PATH_VARIABLE = 'MONODON_NATIVE_PATH'
