import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { CallerGate } from './caller-gate';
import { GraphiqlPage } from './graphiql-page';
import { GraphqlEndpoint } from './graphql-endpoint';
import { SchemaDriver } from './schema-driver';

/** The endpoint, its limits and its errors. It knows no feature: resolvers stand beside the controllers. */
@Module({})
export class GraphqlModule {
  /** @param module exports `gate`, which says who calls */
  static guardedBy(module: Type, gate: Type<CallerGate>): DynamicModule {
    return {
      module: GraphqlModule,
      imports: [
        module,
        GraphQLModule.forRoot({
          driver: SchemaDriver,
          autoSchemaFile: true,
          fieldResolverEnhancers: ['guards'],
          buildSchemaOptions: { numberScalarMode: 'integer' },
        }),
      ],
      providers: [{ provide: CallerGate, useExisting: gate }, GraphiqlPage, GraphqlEndpoint],
    };
  }
}
