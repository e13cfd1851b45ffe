/** Before each test file: whatever its process starts from now on ends with it. */

import { startGuard } from './guard.ts'

Object.assign(process.env, startGuard().mark)
