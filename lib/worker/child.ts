/** What a worker's process is started with: runs `process.ts`. */

import { runCompiled } from '../code-cache/loader.ts'

runCompiled('worker/process.js', 'process')
