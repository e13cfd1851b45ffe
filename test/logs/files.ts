import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SpawnedServer } from '../support/spawned.ts'

/** Gives `work` a folder that goes when it is done. */
export async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'monodon-logs-'))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The lines of a log; none if there is no file. */
export function linesOf(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
}

/** Stops a server; gives the lines of its log, which are all there then. */
export async function stopped(server: SpawnedServer, file: string): Promise<string[]> {
  await server.stop()
  return linesOf(file)
}
