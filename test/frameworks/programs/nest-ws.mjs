import 'reflect-metadata'
import { Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { WsAdapter } from '@nestjs/platform-ws'
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets'

class HelloGateway {
  hello(_client, name) {
    return { event: 'hello', data: `hello ${name}` }
  }
}
// What decorators do.
const { prototype } = HelloGateway
SubscribeMessage('hello')(prototype, 'hello', Object.getOwnPropertyDescriptor(prototype, 'hello'))
WebSocketGateway({ path: '/chat' })(HelloGateway)
class HelloModule {}
Module({ providers: [HelloGateway] })(HelloModule)

const app = await NestFactory.create(HelloModule, { logger: false })
// biome-ignore lint/correctness/useHookAtTopLevel: it is no hook of React's
app.useWebSocketAdapter(new WsAdapter(app))
await app.listen(3000)
