import { Module } from '@nestjs/common';
import { type Settings, settings } from '../config/settings';
import { ApiTokensRepository } from './api-tokens.repository';
import { ApiTokensService } from './api-tokens.service';
import { JwtKeySource } from './jwt-key-source';
import { JwtKeys } from './jwt-keys';
import { JWT_CLOCK, type JwtClock } from './jwt-ports';
import { ProviderHttp } from './jwt-provider-http';
import { JwtVerifier } from './jwt-verifier';
import { MeController } from './me.controller';

/** Without an identity provider in the settings, `JwtKeys` and `JwtVerifier` are null. */
@Module({
  controllers: [MeController],
  providers: [
    ApiTokensRepository,
    ApiTokensService,
    { provide: JWT_CLOCK, useValue: () => Date.now() },
    {
      provide: JwtKeys,
      inject: [settings.KEY, JWT_CLOCK],
      useFactory: ({ auth: { jwt } }: Settings, now: JwtClock) =>
        jwt && new JwtKeys(new JwtKeySource(jwt, new ProviderHttp()), now),
    },
    {
      provide: JwtVerifier,
      inject: [settings.KEY, JwtKeys, JWT_CLOCK],
      useFactory: ({ auth: { jwt } }: Settings, keys: JwtKeys | null, now: JwtClock) =>
        jwt && keys && new JwtVerifier(jwt, keys, now),
    },
  ],
  exports: [ApiTokensService, JwtKeys, JwtVerifier],
})
export class AuthModule {}
