async function start() {
  throw new RangeError('no database')
}
start()
setInterval(() => {}, 1000)
