/** Prometheus and its promtool; `TEST_PROMETHEUS` and `TEST_PROMTOOL` name others than those that are found. */
import { spawnSync } from 'node:child_process'

export const PROMETHEUS = process.env.TEST_PROMETHEUS ?? 'prometheus'
export const PROMTOOL = process.env.TEST_PROMTOOL ?? 'promtool'

/** Why a program cannot be used, if it cannot. */
export function missing(program: string): string | undefined {
  const run = spawnSync(program, ['--version'])
  return run.error === undefined ? undefined : `${program} is not installed`
}
