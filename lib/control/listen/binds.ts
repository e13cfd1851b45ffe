/** What the server listens on: sockets that it has opened, or was started with. */

import { type NativeInherited, type NativeSockets, openSockets } from '../../bridge/native.ts'
import { toNative } from '../../options/native.ts'
import type { Options } from '../../options/table.ts'
import { splitMarks } from '../../options/values.ts'
import { removeSocketFile, type SocketFile, socketFileAt } from './socket-file.ts'
import { startFailure } from './start-failure.ts'

/** Where a socket listens. */
export interface BoundAddress {
  /** `''` for a Unix socket. */
  readonly host: string
  /** With the number that the kernel chose; 0 for a Unix socket. */
  readonly port: number
  /** The path of a Unix socket; `undefined` for TCP. */
  readonly path?: string | undefined
  /** Whether TLS is spoken there. */
  readonly isTls: boolean
  /** Whether `proxy` is before it in `bind`: the PROXY protocol comes first there. */
  readonly isProxied: boolean
}

/** A socket on its way from one server to the next. */
export interface HandedOn {
  /** Which item of `bind` it stands for. */
  readonly bind: string
  readonly file?: SocketFile | undefined
}

/** A socket that another server has handed on to this one. */
export interface Inherited extends HandedOn, NativeInherited {}

/** What to listen on. */
export interface Places {
  /** Whether they are sockets of systemd. */
  readonly areActivated: boolean
  /** Each as an item of `bind` names it. */
  readonly names: readonly string[]
  /** Sockets that another server has handed on. */
  readonly inherited: readonly Inherited[]
}

/** What `options.bind` says. */
export function placesIn({ bind }: Pick<Options, 'bind'>): Places {
  return { names: bind, inherited: [], areActivated: false }
}

/** How people name an address: so that it could be given as `bind` again. */
export function urlOf({ host, port, path, isTls, isProxied }: BoundAddress): string {
  const proxied = isProxied ? 'proxy+' : ''
  if (path === undefined) {
    const shown = host.includes(':') ? `[${host}]` : host
    return `${proxied}${isTls ? 'https' : 'http'}://${shown}:${port}`
  }
  if (isTls) return `${proxied}https://unix:${path}`
  return isProxied ? `proxy://unix:${path}` : `unix:${path}`
}

/** Sockets that listen. They stay open until they are closed, whoever accepts from them. */
export class Binds {
  readonly sockets: NativeSockets
  readonly addresses: readonly BoundAddress[]
  /** Another server listens on the same sockets, and sees to the files. */
  areOthersToo = false
  /** Whether they are systemd's, which keeps them and starts a server again for who waits there. */
  readonly areActivated: boolean
  private readonly files: readonly (SocketFile | undefined)[]

  /**
   * Listens on each of the places, those of `options.bind` unless others are given: by the socket
   * that was inherited for it, else by a new one.
   *
   * @throws MonodonError `MONODON_BIND_FAILED`
   */
  constructor(options: Options, places: Places = placesIn(options)) {
    const { names, inherited, areActivated } = places
    const given = [...inherited, ...descriptorsIn(names, inherited)]
    try {
      this.sockets = openSockets({ ...toNative(options), bind: names }, given)
    } catch (error) {
      throw startFailure(error)
    }
    const { list } = this.sockets
    this.areActivated = areActivated
    this.areOthersToo = inherited.length > 0
    this.addresses = list.map(({ host, port, path, isTls, isProxied }) => {
      return { host, port, path, isTls, isProxied }
    })
    const known = [...inherited]
    this.files = list.map(({ bind, path, hasMadeFile }) => {
      if (hasMadeFile) return path === undefined ? undefined : socketFileAt(path)
      const found = known.findIndex((socket) => socket.bind === bind)
      return found < 0 ? undefined : known.splice(found, 1)[0]!.file
    })
  }

  /** Whether connections that nobody has accepted are not lost when this server goes. */
  get areShared(): boolean {
    return this.areOthersToo || this.areActivated
  }

  /** The sockets for another server, with their descriptors here. */
  handOn(): Inherited[] {
    return this.sockets.list.map(({ bind, descriptor }, at) => ({
      bind,
      descriptor,
      file: this.files[at],
    }))
  }

  /**
   * Closes them, so that nobody waits at a server that stops, once that has accepted what waits.
   * Before, the files of Unix sockets are removed, so that nobody new comes.
   */
  close(): void {
    if (this.sockets.list.length === 0) return
    if (!this.areOthersToo) for (const file of this.files) removeSocketFile(file)
    this.sockets.close()
  }
}

/** `fd://N`: a socket that the process was started with. */
const DESCRIPTOR = /^fd:\/\/(\d+)$/

function descriptorsIn(
  binds: readonly string[],
  inherited: readonly HandedOn[],
): NativeInherited[] {
  const known = new Set(inherited.map(({ bind }) => bind))
  return binds.flatMap((bind) => {
    const descriptor = DESCRIPTOR.exec(splitMarks(bind).place)?.[1]
    return descriptor === undefined || known.has(bind)
      ? []
      : [{ bind, descriptor: Number(descriptor) }]
  })
}
