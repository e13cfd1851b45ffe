import type { Explain } from '../bridge/exchange.ts'
import type { Options } from '../options/table.ts'

/** What answers for an app that failed: nothing without `--dev`, and then nothing is loaded for it. */
export async function loadExplain({ dev }: Pick<Options, 'dev'>): Promise<Explain | undefined> {
  return dev ? (await import('../dev/explain.ts')).explain : undefined
}
