import { Module } from '@nestjs/common'
import { AppController } from './app.controller.js'
import { CatsController } from './cats.controller.js'
import { CatsService } from './cats.service.js'

@Module({ controllers: [AppController, CatsController], providers: [CatsService] })
export class AppModule {}
