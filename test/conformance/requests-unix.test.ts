/** The same requests over a Unix socket. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { createFetchApp } from '../support/apps/fetch.ts'
import { inProcess } from '../support/subject.ts'
import { requestSuite } from './requests.ts'

const folder = mkdtempSync(join(tmpdir(), 'monodon-requests-'))
afterAll(() => rmSync(folder, { recursive: true }))

const subject = inProcess('fetch', createFetchApp)
const bind = `unix:${join(folder, 'socket')}`
requestSuite({ ...subject, start: (options) => subject.start({ ...options, bind }) }, 16)
