// Loads the apps that the JSON in the arguments names, one after the other, and prints what came of
// each. A process of its own: under vitest it is not Node that imports modules.
import { logError } from '../../dist/log.js'
import { loadApp } from '../../dist/worker/load.js'

const { cwd, specs } = JSON.parse(process.argv[2])
const results = []
for (const spec of specs) {
  try {
    const { app, file, name } = await loadApp(spec, cwd)
    const answer = typeof app === 'function' ? app() : app.fetch?.()
    results.push({ name, file, answer: await answer })
  } catch (error) {
    results.push({ code: error.code, message: error.message, cause: error.cause?.stack })
    if (process.argv[3] === 'log') logError(error)
  }
}
process.stdout.write(JSON.stringify(results))
