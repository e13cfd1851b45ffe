import { BadRequestException, Body, Controller, Get, Post } from '@nestjs/common'
import { CatsService } from './cats.service.js'

@Controller('cats')
export class CatsController {
  // Injected by the type, which is in the metadata that the compiler leaves.
  constructor(private readonly cats: CatsService) {}

  @Get()
  all() {
    return this.cats.all()
  }

  @Post()
  add(@Body() body: { name?: string; age?: number }) {
    const { name, age } = body
    if (typeof name !== 'string' || typeof age !== 'number')
      throw new BadRequestException('a cat has a name and an age')
    return this.cats.add({ name, age })
  }
}
