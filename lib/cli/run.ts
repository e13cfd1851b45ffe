/** The command, as the process that it is. */

import { takeLaunch } from '../control/upgrade/launch.ts'
import { main } from './command.ts'

const launch = takeLaunch()
// An app that was loaded may hold timers and connections, which must not keep the command alive.
void main(process.argv.slice(2), process.env, launch).then((code) => process.exit(code))
