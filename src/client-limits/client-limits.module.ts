import { Module } from '@nestjs/common';
import { RedisModule } from '../redis/redis.module';
import { ClientLimits } from './client-limits';

@Module({ imports: [RedisModule], providers: [ClientLimits], exports: [ClientLimits] })
export class ClientLimitsModule {}
