// A WebSocket echo: what is sent comes back.
import { upgradeWebSocket } from 'monodon'

export default {
  fetch(request) {
    const { socket, response } = upgradeWebSocket(request)
    socket.onmessage = ({ data }) => socket.send(data)
    return response
  },
}
