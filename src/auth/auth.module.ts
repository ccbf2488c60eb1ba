import { Module } from '@nestjs/common';
import { ClientLimitsModule } from '../client-limits/client-limits.module';
import { type Settings, settings } from '../config/settings';
import { IdempotencyModule } from '../idempotency/idempotency.module';
import { ApiTokenCache } from './api-token-cache';
import { ApiTokenIssuer } from './api-token-issuer';
import { ApiTokenUse } from './api-token-use';
import { ApiTokensController } from './api-tokens.controller';
import { ApiTokensRepository } from './api-tokens.repository';
import { ApiTokensService } from './api-tokens.service';
import { AuditLog } from './audit-log';
import { AuthGuard } from './auth.guard';
import { GraphqlGate } from './graphql-gate';
import { JwtKeySource } from './jwt-key-source';
import { JwtKeys } from './jwt-keys';
import { JWT_CLOCK, type JwtClock } from './jwt-ports';
import { ProviderHttp } from './jwt-provider-http';
import { JwtVerifier } from './jwt-verifier';
import { MeController } from './me.controller';
import { MeResolver } from './me.resolver';

/** Without an identity provider in the settings, `JwtKeys` and `JwtVerifier` are null. */
@Module({
  imports: [ClientLimitsModule, IdempotencyModule],
  controllers: [MeController, ApiTokensController],
  providers: [
    ApiTokensRepository,
    ApiTokenCache,
    ApiTokenUse,
    ApiTokensService,
    ApiTokenIssuer,
    AuditLog,
    AuthGuard,
    GraphqlGate,
    MeResolver,
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
  exports: [ApiTokensService, ApiTokenCache, AuditLog, AuthGuard, GraphqlGate, JwtKeys, JwtVerifier],
})
export class AuthModule {}
