/** An app of WebSockets: what a client meets there is told by the path, what happens there by notes. */
import { setTimeout as sleep } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'
import { type ServerWebSocket, upgradeWebSocket } from 'monodon'
import { blockLoop, PROBE } from './file-probe.ts'
import type { Probe } from './probe.ts'

type Route = (request: Request, query: URLSearchParams) => Response | Promise<Response>

export function createSocketApp(probe: Probe) {
  const all = new Set<ServerWebSocket>()
  const note = (event: string): void => probe.note(event)

  /** Upgrades, and notes how the socket opens and ends. */
  function upgrade(request: Request, options?: Parameters<typeof upgradeWebSocket>[1]) {
    const upgraded = upgradeWebSocket(request, options)
    const { socket } = upgraded
    socket.onopen = ({ target }) => note(`open ${target === socket} ${socket.readyState}`)
    socket.onerror = ({ type, target }) => note(`${type} ${target === socket}`)
    socket.onclose = ({ code, reason, wasClean, target }) => {
      all.delete(socket)
      note(`close ${code} ${reason || '-'} ${wasClean ? 'clean' : 'broken'} ${target === socket}`)
    }
    return upgraded
  }

  function echo(request: Request, query: URLSearchParams): Response {
    const { socket, response } = upgrade(request)
    if (query.has('blob')) socket.binaryType = 'blob'
    socket.onmessage = ({ data }) => {
      if (query.has('noted')) note(`message ${typeof data === 'string' ? data : data.byteLength}`)
      socket.send(data)
    }
    return response
  }

  const routes: Record<string, Route> = {
    '/early': () => new Response('early'),
    '/echo': echo,
    '/who': (request) => {
      const { socket, response } = upgrade(request)
      socket.onmessage = ({ data }) => {
        if (data === 'exit') process.exit(1)
        socket.send(`${process.pid} ${threadId}`)
      }
      return response
    },
    '/late': async (request, query) => {
      await sleep(1)
      return echo(request, query)
    },
    '/gate': async (request, query) => {
      await probe.gate()
      return echo(request, query)
    },
    '/fields': (request, query) => {
      const { socket, response } = upgrade(request, {
        protocol: query.get('protocol') ?? undefined,
        headers: [
          ['x-a', 'b'],
          ['set-cookie', 'c=1'],
          ['set-cookie', 'd=2'],
          // Not the app's to say.
          ['sec-websocket-accept', 'x'],
          ['content-length', '5'],
        ],
      })
      socket.onmessage = () => socket.send(`${socket.protocol}|${socket.url}`)
      return response
    },
    '/other': (request) => {
      upgrade(request)
      return new Response('not for you', { status: 403 })
    },
    '/throws': (request) => {
      upgrade(request)
      throw new Error('after the upgrade')
    },
    '/again': (request) => {
      const { response } = upgrade(request)
      again ??= response
      return again
    },
    '/cookie': (request) => {
      const { response } = upgrade(request)
      response.headers.append('set-cookie', 'late=1')
      return response
    },
    '/handlers-in-open': (request) => {
      const { socket, response } = upgrade(request)
      socket.onopen = () => {
        socket.onmessage = ({ data }) => socket.send(`late ${data}`)
      }
      return response
    },
    '/listeners': (request) => {
      const { socket, response } = upgrade(request)
      const say = (event: Event): void => {
        if (event.target !== socket) throw new Error('not its target')
        socket.send(`listener ${(event as MessageEvent).data}`)
      }
      socket.addEventListener('message', say)
      socket.addEventListener('message', say)
      socket.addEventListener('message', () => socket.send('once'), { once: true })
      socket.addEventListener('message', {
        handleEvent: (event) => {
          if ((event as MessageEvent).data === 'off') socket.removeEventListener('message', say)
        },
      })
      socket.addEventListener('close', () => note('heard the close'))
      socket.onmessage = ({ data }) => socket.send(`handler ${data}`)
      return response
    },
    '/event': (request) => {
      const { socket, response } = upgrade(request)
      socket.onmessage = (event) => {
        const { type, data, target, currentTarget, origin, cancelable, defaultPrevented } = event
        event.preventDefault()
        event.stopPropagation()
        const isOne = event instanceof MessageEvent && event instanceof Event
        const facts = { type, data, origin, cancelable, defaultPrevented, isOne }
        const targets = target === socket && currentTarget === socket
        socket.send(JSON.stringify({ ...facts, targets, stamped: event.timeStamp > 0 }))
      }
      return response
    },
    '/fault': (request, query) => {
      const { socket, response } = upgrade(request)
      const how = query.get('how')
      const fail = (): never => {
        throw new Error(`fault of ${how}`)
      }
      if (how === 'open') socket.onopen = fail
      if (how === 'close') socket.onclose = fail
      if (how === 'listener') socket.addEventListener('message', fail)
      socket.onmessage = ({ data }) => {
        socket.send(data)
        if (how === 'message') fail()
        if (how === 'promise') return Promise.reject(new Error('fault of promise'))
        return undefined
      }
      return response
    },
    '/states': (request) => {
      const { socket, response } = upgrade(request)
      const attempt = (what: string, step: () => void): void => {
        try {
          step()
          note(`${what} fine`)
        } catch (error) {
          note(`${what} ${(error as Error).name}`)
        }
      }
      attempt('connecting', () => socket.send('too early'))
      socket.onmessage = ({ data }) => {
        const [code, reason] = JSON.parse(data) as [number | undefined, string | undefined]
        attempt('close', () => socket.close(code ?? undefined, reason))
        if (socket.readyState !== socket.CLOSING) return
        attempt('closing', () => socket.send('too late'))
        attempt('again', () => socket.close(1000))
      }
      const noted = socket.onclose!
      socket.onclose = (event) => {
        attempt('closed', () => socket.send('much too late'))
        attempt('closed', () => socket.close())
        noted.call(socket, event)
      }
      return response
    },
    '/closes-first': (request) => {
      const { socket, response } = upgrade(request)
      socket.close(4001, 'before it opens')
      return response
    },
    '/terminates-first': (request) => {
      const { socket, response } = upgrade(request)
      socket.terminate()
      return response
    },
    '/terminates': (request) => {
      const { socket, response } = upgrade(request)
      socket.onmessage = () => {
        socket.terminate()
        note(`terminated ${socket.readyState}`)
      }
      return response
    },
    '/kinds': (request) => {
      const { socket, response } = upgrade(request)
      socket.onmessage = () => {
        const bytes = new Uint8Array([1, 2, 3, 4])
        socket.send(bytes)
        bytes.fill(9)
        socket.send(bytes.buffer)
        socket.send(bytes.subarray(1, 3))
        socket.send(new DataView(bytes.buffer, 2))
        socket.send(new Uint16Array([0x0201]))
        socket.send(new SharedArrayBuffer(2))
        socket.send('h\u00e9 \u{1f600} \ud800')
        socket.send(new Blob(['a blob']))
        socket.send('behind the blob')
        socket.send(new Uint8Array([7]))
        socket.send(42 as unknown as string)
        socket.close(4000, 'behind it all')
      }
      return response
    },
    '/flood': (request, query) => {
      const { socket, response } = upgrade(request)
      const [size, count] = [Number(query.get('size')), Number(query.get('count'))]
      socket.onmessage = () => {
        for (let i = 0; i < count && socket.readyState === socket.OPEN; i++) {
          const bytes = new Uint8Array(size).fill(i)
          socket.send(bytes)
        }
        note(`buffered ${socket.bufferedAmount}`)
        const watch = setInterval(() => {
          if (socket.bufferedAmount > 0 && socket.readyState !== socket.CLOSED) return
          clearInterval(watch)
          note('drained')
        }, 5)
      }
      return response
    },
    '/block': (request) => {
      const { socket, response } = upgrade(request)
      let count = 0
      socket.onmessage = ({ data }) => {
        if (data === 'block') blockLoop()
        else if (data === 'count') socket.send(`${count}`)
        else count++
      }
      return response
    },
    '/room': (request) => {
      const { socket, response } = upgrade(request)
      all.add(socket)
      socket.onmessage = ({ data }) => {
        for (const one of all) one.send(data)
      }
      return response
    },
  }
  let again: Response | undefined

  return {
    fetch(request: Request): Response | Promise<Response> {
      const { pathname, searchParams } = new URL(request.url)
      const route = routes[pathname]
      return route === undefined
        ? new Response(null, { status: 404 })
        : route(request, searchParams)
    },
  }
}

/** The app for servers that load it by its name. */
export const app = createSocketApp(PROBE)
