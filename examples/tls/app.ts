/** Says how the connection is encrypted. */
import type { FetchInfo } from 'monodon'

export default {
  fetch(request: Request, info: FetchInfo): Response {
    const { protocol, cipher, alpnProtocol } = info.tls ?? {}
    return Response.json({ url: request.url, protocol, cipher, alpnProtocol })
  },
}
