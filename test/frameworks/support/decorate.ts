/** Decorators without a compiler, since Node runs TypeScript by removing its types. */
import type { Type } from '@nestjs/common'

type Method = (...args: never[]) => unknown

/** Methods of a controller by their name, with the decorators of each and of its parameters. */
export type Handlers = Record<
  string,
  {
    readonly on: readonly MethodDecorator[]
    readonly parameters?: readonly ParameterDecorator[]
    readonly run: Method
  }
>

/** The class, with the methods. */
export function decorated(target: Type, decorator: ClassDecorator, handlers: Handlers): Type {
  for (const [name, { on, parameters = [], run }] of Object.entries(handlers)) {
    // Nest keeps what decorators say on the function: each needs one of its own.
    const method = function (this: unknown, ...args: never[]) {
      return Reflect.apply(run, this, args)
    }
    Object.defineProperty(target.prototype, name, {
      value: method,
      writable: true,
      configurable: true,
    })
    const descriptor = Object.getOwnPropertyDescriptor(target.prototype, name)!
    for (const [at, parameter] of parameters.entries()) parameter(target.prototype, name, at)
    for (const decorate of [...on].reverse()) decorate(target.prototype, name, descriptor)
  }
  decorator(target)
  return target
}
