import { ConfigModule } from '@nestjs/config';
import { settings } from './settings';

/**
 * The settings for the whole app. A `.env` file is a comfort of development; in production the environment alone
 * decides, and in tests nobody's file may.
 */
export const SettingsModule = ConfigModule.forRoot({
  isGlobal: true,
  load: [settings],
  ignoreEnvFile: ['production', 'test'].includes(process.env['NODE_ENV'] ?? ''),
});
