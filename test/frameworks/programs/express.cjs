const express = require('express')
const app = express()
app.get('/', (_req, res) => res.json({ hello: 'express', main: require.main === module }))
app.listen(3000, () => console.log('express listens'))
