/** Why a worker was replaced; HUP and `--reload` are not counted. */
export const RESTART_CAUSES = ['died', 'hung', 'boot', 'spent', 'lifetime', 'memory'] as const

/**
 * `died`: it ended by itself. `hung`: it was killed (`--timeout`). `boot`: it could not load the app,
 * in place of another. The others were followed: `--max-requests`, `--max-worker-lifetime`,
 * `--max-worker-memory`.
 */
export type RestartCause = (typeof RESTART_CAUSES)[number]

/** How many workers were replaced, by cause. */
export type Restarts = Readonly<Record<RestartCause, number>>

export function noRestarts(): Record<RestartCause, number> {
  return { died: 0, hung: 0, boot: 0, spent: 0, lifetime: 0, memory: 0 }
}
