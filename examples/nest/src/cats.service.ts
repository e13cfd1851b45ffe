import { Injectable } from '@nestjs/common'

export interface Cat {
  name: string
  age: number
}

@Injectable()
export class CatsService {
  private readonly cats: Cat[] = []

  add(cat: Cat): Cat {
    this.cats.push(cat)
    return cat
  }

  all(): Cat[] {
    return this.cats
  }
}
