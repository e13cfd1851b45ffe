// The trial `static-1g`: a file that is larger than a server should ever hold, plain and over TLS.
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { growth } from './growth.mjs'
import { processTree } from './proc.mjs'
import { runLoad } from './processes.mjs'
import { monodonLauncher } from './servers.mjs'
import { BIG_FILE, BIG_FILE_BYTES, nginxLauncher, staticFlags, staticFolder } from './static.mjs'
import { certificate, tlsFlags } from './tls.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

const monodon = (flags) => monodonLauncher('fetch', 'fetch.mjs', 1, [...staticFlags(), ...flags])

/** The servers of the trial, by scheme. */
export const DOWNLOADED = {
  http: { monodon: () => monodon([]), nginx: () => nginxLauncher() },
  https: {
    'monodon, TLS': () => monodon(tlsFlags()),
    'nginx, TLS': () => nginxLauncher(certificate()),
  },
}

/** What a server does at its start is done by then, in ms: it is no growth. */
const SETTLED = 3_000

/**
 * How much the server's resident memory grows over a download, in bytes, and how many bytes come in a second.
 *
 * @param {string} scheme
 * @returns {Promise<{ grown: number, rate: number }>}
 */
export async function download({ pid, port }, scheme) {
  const url = `${scheme}://127.0.0.1:${port}/static/${BIG_FILE}`
  await readWhole(join(staticFolder(), 'public', BIG_FILE))
  await delay(SETTLED)
  let rate = 0
  const { server } = await growth(pid, { server: processTree(pid) }, async () => {
    const output = await runLoad(process.execPath, [here('load/download.mjs'), url])
    const { bytes, seconds } = JSON.parse(output)
    if (bytes !== BIG_FILE_BYTES) throw new Error(`${bytes} bytes came of ${BIG_FILE_BYTES}`)
    rate = bytes / seconds
  })
  return { grown: server, rate }
}

/** Has the kernel's cache hold a file, so that no server is the first to ask for it. */
async function readWhole(file) {
  const stream = createReadStream(file, { highWaterMark: 1024 * 1024 }).resume()
  await once(stream, 'close')
}
