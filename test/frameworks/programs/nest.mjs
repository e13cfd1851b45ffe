import 'reflect-metadata'
import { Controller, Get, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'

class HelloController {
  hello() {
    return { hello: 'nest' }
  }
}
// What decorators do.
const { prototype } = HelloController
Get()(prototype, 'hello', Object.getOwnPropertyDescriptor(prototype, 'hello'))
Controller()(HelloController)
class HelloModule {}
Module({ controllers: [HelloController] })(HelloModule)

async function bootstrap() {
  const app = await NestFactory.create(HelloModule, { logger: false })
  await app.listen(3000)
  console.log(`note: ${await app.getUrl()}`)
}
bootstrap()
