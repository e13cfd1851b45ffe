// What the two nodes of the rehearsal serve: who they are, and requests that wait for a file. What each
// has got is in a file of its folder.
import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const { NODE_NAME, NODE_VERSION } = process.env

export default async (request) => {
  const { pathname, searchParams } = new URL(request.url)
  const line = `${searchParams.get('number')}\n`
  appendFileSync('seen', line)
  await request.text()
  if (pathname === '/hold') await hold(line)
  return new Response(`${NODE_NAME} ${NODE_VERSION}`)
}

async function hold(line) {
  appendFileSync('held', line)
  while (!existsSync('release')) await sleep(10)
}
