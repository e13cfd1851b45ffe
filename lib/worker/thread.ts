/** What a worker's thread is started with: runs `main.ts`. */

import { runCompiled } from '../code-cache/loader.ts'

runCompiled('worker/main.js', 'worker')
