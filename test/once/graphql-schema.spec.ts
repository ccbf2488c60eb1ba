import { GraphQLSchemaHost } from '@nestjs/graphql';
import { isEnumType, isInputObjectType, isIntrospectionType, isObjectType, isScalarType } from 'graphql';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { printedSchema } from '../../src/graphql/printed-schema';
import { startApp, type TestApp } from '../support/app';

interface Described {
  readonly name: string;
  readonly description?: string | null | undefined;
  readonly args?: readonly Described[];
}

let service: TestApp;
beforeAll(async () => {
  service = await startApp();
});
afterAll(() => service.stop());

const schema = () => service.app.get(GraphQLSchemaHost, { strict: false }).schema;

it('schema.gql is what the resolvers make: else npm run schema:write', () => {
  expect(readFileSync(join(__dirname, '..', '..', 'schema.gql'), 'utf8')).toBe(printedSchema(schema()));
});

it('every type, field, argument and value says what it is', () => {
  const silent: string[] = [];
  const hear = (name: string, { description }: { description?: string | null | undefined }) => {
    if (description === undefined || description === null || description.length < 4) silent.push(name);
  };
  const types = Object.values(schema().getTypeMap()).filter((type) => !isIntrospectionType(type));
  const roots = ['Query', 'Mutation'];
  for (const type of types) {
    if (!roots.includes(type.name) && !isScalarType(type)) hear(type.name, type);
    if (isEnumType(type)) for (const value of type.getValues()) hear(`${type.name}.${value.name}`, value);
    if (!isObjectType(type) && !isInputObjectType(type)) continue;
    const fields: readonly Described[] = Object.values(type.getFields());
    for (const field of fields) {
      hear(`${type.name}.${field.name}`, field);
      for (const argument of field.args ?? []) hear(`${type.name}.${field.name}(${argument.name})`, argument);
    }
  }
  expect(types.length).toBeGreaterThan(20);
  expect(silent).toEqual([]);
});
