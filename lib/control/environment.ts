/** Sets the variables of `--env` for this process and its workers: `KEY=VALUE` each. */
export function setEnvironment(variables: readonly string[]): void {
  for (const variable of variables) {
    const equals = variable.indexOf('=')
    process.env[variable.slice(0, equals)] = variable.slice(equals + 1)
  }
}
