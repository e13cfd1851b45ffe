#!/usr/bin/env node
import { main } from './command.ts'

const code = await main(process.argv.slice(2), process.env)
// An app that was loaded may hold timers and connections, which must not keep the command alive.
process.exit(code)
