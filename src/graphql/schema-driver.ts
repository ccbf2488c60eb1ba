import { Injectable } from '@nestjs/common';
import { AbstractGraphQLDriver, type GqlModuleOptions } from '@nestjs/graphql';
import { type GraphQLSchema, isIntrospectionType, isObjectType } from 'graphql';

/**
 * Has Nest build the schema out of the resolvers, with its guards around them, and serves nothing: `GraphqlEndpoint` does that.
 */
@Injectable()
export class SchemaDriver extends AbstractGraphQLDriver {
  override async mergeDefaultOptions(options: GqlModuleOptions): Promise<GqlModuleOptions> {
    const { path: _path, ...merged } = await super.mergeDefaultOptions(options);
    return merged;
  }

  /**
   * Without the resolvers that Nest puts on plain fields: they look at the property, as graphql-js and graphql-jit do by themselves,
   * only slower. What reads something declares what it costs.
   */
  override generateSchema(options: GqlModuleOptions): Promise<GraphQLSchema> | null {
    return super.generateSchema(options)?.then(withoutPlainResolvers) ?? null;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

function withoutPlainResolvers(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || isIntrospectionType(type)) continue;
    for (const field of Object.values(type.getFields()))
      if (field.extensions['complexity'] === undefined) delete field.resolve;
  }
  return schema;
}
