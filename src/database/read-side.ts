import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { ReadDatabase } from '../common/read-database';

@Injectable()
export class ReadSide extends ReadDatabase {
  constructor(@InjectDataSource() private readonly writer: DataSource) {
    super();
  }
  read<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return work(this.writer.manager);
  }
  noteWrite(): void {}
}
