/** The command, as the process that it is. */

import { takeLaunch } from '../control/upgrade/launch.ts'
import { main } from './command.ts'

const launch = takeLaunch()
const code = await main(process.argv.slice(2), process.env, launch)
// An app that was loaded may hold timers and connections, which must not keep the command alive.
process.exit(code)
