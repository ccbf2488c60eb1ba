/**
 * The typical Nest app: Express, TypeORM with relations, entities serialised by class-transformer, a global guard. Interceptor and
 * adapter are told where their packages are, which live beside this file and not beside Nest.
 */
import 'reflect-metadata';
import {
  type CanActivate,
  ClassSerializerInterceptor,
  type ExecutionContext,
  Injectable,
  Module,
  UnauthorizedException,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, NestFactory, Reflector } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { TypeOrmModule } from '@nestjs/typeorm';
import * as classTransformer from 'class-transformer';
import { Album, Artist, Track, TrackArtist } from './entities';
import { TracksModule } from './tracks';

const AUTHORIZATION = `Bearer ${process.env['BENCH_TOKEN'] ?? ''}`;

@Injectable()
class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { url, headers } = context
      .switchToHttp()
      .getRequest<{ url: string; headers: Record<string, string> }>();
    if (url.startsWith('/health/') || headers['authorization'] === AUTHORIZATION) return true;
    throw new UnauthorizedException();
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'mysql',
      url: process.env['DATABASE_URL'] ?? '',
      entities: [Track, Album, Artist, TrackArtist],
      timezone: 'Z',
    }),
    TracksModule,
  ],
  providers: [
    { provide: APP_GUARD, useClass: TokenGuard },
    {
      provide: APP_INTERCEPTOR,
      inject: [Reflector],
      useFactory: (reflector: Reflector) =>
        new ClassSerializerInterceptor(reflector, {
          transformerPackage: classTransformer as unknown as NonNullable<
            ConstructorParameters<typeof ClassSerializerInterceptor>[1]
          >['transformerPackage'],
        } as ConstructorParameters<typeof ClassSerializerInterceptor>[1]),
    },
  ],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, new ExpressAdapter(), { logger: ['error'] });
  await app.listen(Number(process.env['PORT']), process.env['HOST'] ?? '127.0.0.1');
}

void main();
