// Listens with more than it exports.
import { createServer } from 'node:http'

export const api = () => new Response('exported')
export default api
createServer((_req, res) => res.end('listened')).listen(3000)
