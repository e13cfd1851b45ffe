#!/usr/bin/env node
import { createServer } from 'node:http'

if (import.meta.main)
  createServer((_req, res) =>
    res.end(new Error('here').stack.match(/meta-main\.mjs:\d+/)[0]),
  ).listen(3000)
