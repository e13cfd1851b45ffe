// Listens only as the main module, and tells what it sees of that.
const http = require('node:http')
const dependency = require('./dependency.cjs')

const server = http.createServer((_req, res) => {
  const { address, port, family } = server.address()
  const seen = {
    main: dependency.isMain(module),
    argv: process.argv.slice(1),
    execPath: process.argv[0],
  }
  res.end(JSON.stringify({ ...seen, listening: server.listening, address, port, family }))
})
if (require.main === module) server.listen(3000)
module.exports = { server }
