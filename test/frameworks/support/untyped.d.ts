/** Packages without types of their own or under `@types`. */
declare module 'koa-static' {
  import type { Middleware } from 'koa'

  export default function serve(root: string, options?: { hidden?: boolean }): Middleware
}

declare module 'express4' {
  export { default, type RequestHandler } from 'express'
}
