/** What variables were before `--env` has set them. */
const before = new Map<string, string | undefined>()

/**
 * Sets the variables of `--env` for this process and its workers: `KEY=VALUE` each. Those that an earlier
 * call has set, and this one does not, are again what they were.
 */
export function setEnvironment(variables: readonly string[]): void {
  for (const [key, value] of before) {
    if (value === undefined) delete process.env[key]
    else process.env[key] = value
  }
  before.clear()
  for (const variable of variables) {
    const equals = variable.indexOf('=')
    const key = variable.slice(0, equals)
    if (!before.has(key)) before.set(key, process.env[key])
    process.env[key] = variable.slice(equals + 1)
  }
}
