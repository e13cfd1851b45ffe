/** Sockets that systemd has opened for this process (sd_listen_fds(3)). */

import { log } from '../../log.ts'
import { OPTIONS, type Options } from '../../options/table.ts'
import { splitMarks } from '../../options/values.ts'
import type { Handover } from '../upgrade/launch.ts'
import { type Places, placesIn } from './binds.ts'

/** The first descriptor that systemd passes. */
const FIRST = 3

/**
 * What to listen on: what an earlier server hands over, or the sockets of systemd if there are any, as
 * in Gunicorn, else `options.bind`, which may also choose from those of systemd. The variables that tell
 * of them are removed, since they are for this process alone.
 */
export function placesOf(
  options: Pick<Options, 'bind'>,
  env: NodeJS.ProcessEnv,
  handover?: Handover,
): Places {
  if (handover !== undefined) return handedOver(options, handover)
  const sockets = takeSockets(env)
  if (sockets.length === 0) return placesIn(options)
  const given = sockets.map(({ bind }) => bind)
  log('info', `Sockets of systemd: ${sockets.map(({ bind, name }) => name || bind).join(', ')}`)
  // Also those that are not systemd's: whoever names a descriptor means no other one.
  const descriptors = options.bind.filter((bind) => splitMarks(bind).place.startsWith('fd://'))
  const others = options.bind.filter((bind) => !descriptors.includes(bind))
  if (others.length > 0 && !isDefault(options.bind))
    log('warning', `systemd has given sockets, in place of bind: ${others.join(', ')} is not used`)
  const names = descriptors.length > 0 ? descriptors : given
  return { names, inherited: [], areActivated: true }
}

/** Where an earlier server listens, too: as far as that is still wanted. */
function handedOver({ bind }: Pick<Options, 'bind'>, handover: Handover): Places {
  const { sockets: inherited, areActivated } = handover
  const names = areActivated ? inherited.map((socket) => socket.bind) : bind
  for (const socket of inherited)
    if (!names.includes(socket.bind)) log('info', `Not listening on ${socket.bind} any more`)
  return { names, inherited, areActivated }
}

interface ActivationSocket {
  readonly bind: string
  /** As the unit calls it (`FileDescriptorName=`). */
  readonly name: string
}

function takeSockets(env: NodeJS.ProcessEnv): ActivationSocket[] {
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names } = env
  delete env['LISTEN_PID']
  delete env['LISTEN_FDS']
  delete env['LISTEN_FDNAMES']
  if (count === undefined || pid === undefined) return []
  if (Number(pid) !== process.pid) {
    log('info', `LISTEN_FDS is for the process ${pid}, and not for this one: it is not used`)
    return []
  }
  const known = names?.split(':') ?? []
  return Array.from({ length: Math.max(0, Number.parseInt(count, 10) || 0) }, (_, at) => ({
    bind: `fd://${FIRST + at}`,
    name: known[at] ?? '',
  }))
}

function isDefault(bind: readonly string[]): boolean {
  const usual: readonly string[] = OPTIONS.bind.default
  return bind.length === usual.length && bind.every((item, at) => item === usual[at])
}
