import { Controller, Get } from '@nestjs/common'

@Controller()
export class AppController {
  @Get()
  hello() {
    return 'Hello from Nest! The cats are at /cats\n'
  }
}
