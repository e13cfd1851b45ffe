import { expect, test } from 'vitest'
import { invalidFiles, validFiles } from './request-files.ts'

test('every answer that a bad request can get has a file', () => {
  const statuses = new Set(invalidFiles().flatMap((file) => [file.status].flat()))
  for (const status of [400, 413, 414, 417, 431, 501, 505]) expect(statuses).toContain(status)
})

test('every file names its rule', () => {
  for (const file of [...validFiles(), ...invalidFiles()])
    expect(file.why.length, file.name).toBeGreaterThan(8)
})

test('every file ends where a request may follow', () => {
  for (const file of validFiles()) expect(file.requests.length, file.name).toBeGreaterThan(0)
})
