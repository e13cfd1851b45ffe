/** Machines of a rehearsal: network namespaces, joined to that of a proxy. Needs root and `ip`. */
import { execFileSync, spawnSync } from 'node:child_process'
import { delimiter } from 'node:path'

const env = { ...process.env, PATH: [process.env['PATH'], '/usr/sbin'].join(delimiter) }

const ip = (...args: string[]): void => {
  execFileSync('ip', args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
}

/** Why there can be none, or nothing. */
export function missingNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces are for root'
  const probe = `monodon-${process.pid}-probe`
  const { error, status, stderr } = spawnSync('ip', ['netns', 'add', probe], { env })
  if (error !== undefined) return `there is no ip: ${error.message}`
  if (status !== 0) return `no network namespace can be made: ${stderr}`
  ip('netns', 'delete', probe)
  return undefined
}

const made = new Set<Namespace>()
process.on('exit', () => {
  for (const namespace of made) namespace.remove()
})

export class Namespace {
  readonly name: string

  /** With its own address on a loopback interface that is up. */
  constructor(name: string) {
    this.name = `monodon-${process.pid}-${name}`
    ip('netns', 'add', this.name)
    made.add(this)
    this.ip('link', 'set', 'lo', 'up')
  }

  /** Joins it to another one by a cable: each reaches the other's address, and nothing else. */
  join(other: Namespace, address: string, otherAddress: string): void {
    const here = `to-${address.split('.').at(-1)}`
    ip(
      'link',
      'add',
      here,
      'netns',
      other.name,
      'type',
      'veth',
      'peer',
      'cable',
      'netns',
      this.name,
    )
    this.connect('cable', address, otherAddress)
    other.connect(here, otherAddress, address)
  }

  /** Nobody is at its address any more: what is sent there gets no answer, not even a reset. */
  vanish(): void {
    this.ip('address', 'flush', 'dev', 'cable')
  }

  /** A command that runs here. */
  command(program: string, ...args: string[]): [program: string, args: string[]] {
    return ['ip', ['netns', 'exec', this.name, program, ...args]]
  }

  remove(): void {
    if (made.delete(this)) ip('netns', 'delete', this.name)
  }

  private connect(device: string, address: string, peer: string): void {
    this.ip('address', 'add', `${address}/32`, 'dev', device)
    this.ip('link', 'set', device, 'up')
    this.ip('route', 'add', `${peer}/32`, 'dev', device)
  }

  private ip(...args: string[]): void {
    ip('-n', this.name, ...args)
  }
}

/** The environment in which `ip` is found. */
export const namespaceEnv = env
