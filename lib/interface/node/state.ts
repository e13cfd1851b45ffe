/**
 * Keys of the fields that request, response and socket share. They are own fields of the objects:
 * frameworks put other prototypes under a request, and what lives on a prototype is lost then.
 */
export const kExchange: unique symbol = Symbol('monodon.exchange')
export const kContext: unique symbol = Symbol('monodon.context')
export const kResponse: unique symbol = Symbol('monodon.response')
export const kSocket: unique symbol = Symbol('monodon.socket')

/** Methods that `lifecycle.ts` calls. */
export const kDisconnected: unique symbol = Symbol('monodon.disconnected')
export const kResponseOver: unique symbol = Symbol('monodon.responseOver')
