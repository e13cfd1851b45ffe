// A public server, and one for figures on the port that the environment names.
import { createServer } from 'node:http'

const FIGURES = Number(process.env.FIGURES_PORT)
const listen = {
  public: () => createServer((_req, res) => res.end('public')).listen(3000),
  figures: () => createServer((_req, res) => res.end('figures')).listen(FIGURES, '127.0.0.1'),
  // The public one on another address, as frameworks do for localhost.
  other: () => createServer((_req, res) => res.end('other')).listen(3000, '::1'),
  heard: () =>
    createServer((_req, res) => res.end('heard'))
      .listen(FIGURES, '127.0.0.1')
      .on('error', (error) => console.log(`note: ${error.code}`)),
}
for (const name of (process.env.SERVERS ?? 'public,figures').split(',')) listen[name]()
