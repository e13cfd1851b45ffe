const cluster = require('node:cluster')
if (cluster.isPrimary) cluster.fork()
else require('node:http').createServer().listen(3000)
