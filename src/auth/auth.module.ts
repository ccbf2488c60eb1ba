import { Module } from '@nestjs/common';
import { IdempotencyModule } from '../idempotency/idempotency.module';
import { ApiTokenCache } from './api-token-cache';
import { ApiTokenIssuer } from './api-token-issuer';
import { ApiTokenUse } from './api-token-use';
import { ApiTokensController } from './api-tokens.controller';
import { ApiTokensRepository } from './api-tokens.repository';
import { ApiTokensService } from './api-tokens.service';
import { AuditLog } from './audit-log';
import { MeController } from './me.controller';

@Module({
  imports: [IdempotencyModule],
  controllers: [MeController, ApiTokensController],
  providers: [ApiTokensRepository, ApiTokenCache, ApiTokenUse, ApiTokensService, ApiTokenIssuer, AuditLog],
  exports: [ApiTokensService, AuditLog],
})
export class AuthModule {}
