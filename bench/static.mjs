// The servers of files, of 50 KB and of 1 GB: monodon, nginx with sendfile and its cache of open files, and
// what an app in Node does by itself.
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installed } from './processes.mjs'
import { STATIC_BYTES } from './requests.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/** The file of the trial `static-1g`. It is all holes: it takes no room on the disk. */
export const BIG_FILE = '1g.txt'
export const BIG_FILE_BYTES = 1024 ** 3

let made

/** The folder with the files, made once. */
export function staticFolder() {
  if (made !== undefined) return made
  made = mkdtempSync(join(tmpdir(), 'monodon-bench-'))
  process.once('exit', () => rmSync(made, { recursive: true, force: true }))
  mkdirSync(join(made, 'public'))
  writeFileSync(join(made, 'public/50k.txt'), 'x'.repeat(STATIC_BYTES))
  writeFileSync(join(made, 'public', BIG_FILE), '')
  truncateSync(join(made, 'public', BIG_FILE), BIG_FILE_BYTES)
  return made
}

/** monodon's flags for the folder. */
export const staticFlags = () => ['--static', `/static=${join(staticFolder(), 'public')}`]

/**
 * nginx for the folder.
 *
 * @param {{ certfile: string, keyfile: string }} [pair] over TLS with this certificate
 */
export async function nginxLauncher(pair) {
  if (!installed('nginx')) throw new Error('nginx is not installed')
  const folder = staticFolder()
  return (port) => {
    const file = join(folder, `nginx-${port}.conf`)
    writeFileSync(file, nginxConfig(folder, port, pair))
    return { command: 'nginx', args: ['-p', folder, '-c', file] }
  }
}

/** One worker, as it is tuned for static files. */
function nginxConfig(folder, port, pair) {
  // Its worker may not read this user's files otherwise.
  const user = process.getuid() === 0 ? 'user root;' : ''
  const tls = pair && `ssl_certificate ${pair.certfile}; ssl_certificate_key ${pair.keyfile};`
  return `
${user}
worker_processes 1;
daemon off;
error_log stderr error;
pid ${folder}/nginx-${port}.pid;
events { worker_connections 4096; }
http {
  types { text/plain txt; }
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  open_file_cache max=1000 inactive=60s;
  open_file_cache_valid 1s;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port}${pair ? ' ssl' : ''};
    ${tls ?? ''}
    location /static/ { alias ${folder}/public/; }
  }
}
`
}

const server = (name, label, prepare, jsThread) => ({
  name,
  label,
  answers: ['static'],
  protocols: ['h1'],
  jsThread,
  prepare,
})

/**
 * The servers of the file. `launch` makes monodon's launcher with further flags.
 *
 * @param {(options: string[]) => Promise<(port: number) => object>} launch
 */
export function staticServers(launch) {
  const program = (script) => async () => {
    const folder = join(staticFolder(), 'public')
    return (port) => ({
      command: process.execPath,
      args: [here(`peers/${script}`)],
      env: { PORT: String(port), STATIC: folder },
    })
  }
  return [
    server('monodon-static', 'monodon --static', () => launch(staticFlags())),
    server('nginx-static', 'nginx', () => nginxLauncher()),
    server('express-static', 'express.static', program('express-static.mjs'), 'main'),
  ]
}
