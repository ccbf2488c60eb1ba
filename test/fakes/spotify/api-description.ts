import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv, { ValidateFunction } from 'ajv';
import { parse } from 'yaml';
import { SpotifyMode } from './spotify-mode';

type Schema = Record<string, unknown>;

const ID = 'https://spotify.test/openapi';

// The description lists no required fields for these; all fields count as required unless they come with a condition.
const WITHOUT_REQUIRED = [
  'TrackObject',
  'SimplifiedTrackObject',
  'LinkedTrackObject',
  'ArtistObject',
  'SimplifiedArtistObject',
  'FollowersObject',
  'CopyrightObject',
  'ExternalUrlObject',
];
const CONDITIONAL = /^(Part of the response when|Included in the response when)/;

/** What the fields of an answer depend on (spotify-api.md 2.3). */
export interface Profile {
  mode: SpotifyMode;
  hasMarket: boolean;
}

/**
 * A validator for the body of a response of openapi.yaml (`components.responses`). The description is of development
 * mode and marks what that mode lost as deprecated: there deprecated fields are forbidden, in extended mode required.
 */
export function responseValidator(response: string, profile: Profile): ValidateFunction {
  const pointer = `${ID}#/components/responses/${response}/content/application~1json/schema`;
  const validate = describedBy(profile).getSchema(pointer);
  if (validate === undefined) throw new Error(`openapi.yaml has no response ${response}`);
  return validate as ValidateFunction;
}

const known = new Map<string, Ajv>();

function describedBy(profile: Profile): Ajv {
  const key = `${profile.mode} ${profile.hasMarket}`;
  const old = known.get(key);
  if (old !== undefined) return old;
  const file = join(__dirname, 'openapi.yaml');
  const { components } = parse(readFileSync(file, 'utf8')) as {
    components: { schemas: Record<string, Schema>; responses: unknown };
  };
  const { schemas, responses } = components;
  for (const name of WITHOUT_REQUIRED) requireAll(schemas[name]);
  // Two rounds: what is lost must be known everywhere before the first of it is overwritten.
  for (const schema of Object.values(schemas)) fitProfile(schema, schemas, profile);
  for (const schema of Object.values(schemas)) forbidLost(schema, profile);
  asJsonSchema(components);
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema({ $id: ID, components: { schemas, responses } });
  known.set(key, ajv);
  return ajv;
}

function requireAll(schema: Schema | undefined): void {
  if (schema === undefined) throw new Error('openapi.yaml lost a schema');
  const fields = Object.entries(propertiesOf(schema));
  schema['required'] = fields.filter(([name, field]) => !isConditional(name, field)).map(([name]) => name);
}

/** Takes fields that this profile does not have out of `required`. */
function fitProfile(schema: Schema, all: Record<string, Schema>, profile: Profile): void {
  const fields = allFields(schema, all);
  for (const part of [schema, ...partsOf(schema)]) {
    if (!Array.isArray(part['required'])) continue;
    part['required'] = part['required'].filter((name: string) => {
      const field = fields[name];
      return field === undefined || (!isLost(name, field, profile) && !isConditional(name, field));
    });
  }
}

function forbidLost(schema: Schema, profile: Profile): void {
  for (const part of [schema, ...partsOf(schema)]) {
    for (const [name, field] of Object.entries(propertiesOf(part))) {
      // Genres are deprecated and yet still sent, mostly empty (spotify-api.md 3).
      if (isLost(name, field, profile) && name !== 'genres') propertiesOf(part)[name] = { not: {} };
    }
  }
}

function isLost(name: string, field: Schema, { mode, hasMarket }: Profile): boolean {
  if (name === 'available_markets' && hasMarket) return true;
  return mode === 'dev' && field['deprecated'] === true;
}

function isConditional(name: string, field: Schema): boolean {
  const { description } = field;
  return (typeof description === 'string' && CONDITIONAL.test(description)) || name === 'linked_from';
}

function allFields(schema: Schema, all: Record<string, Schema>): Record<string, Schema> {
  const ref = typeof schema['$ref'] === 'string' ? schema['$ref'].split('/').at(-1) : undefined;
  const target = ref === undefined ? schema : (all[ref] ?? {});
  const inherited = partsOf(target).map((part) => allFields(part, all));
  return Object.assign({}, ...inherited, propertiesOf(target)) as Record<string, Schema>;
}

function partsOf(schema: Schema): Schema[] {
  return Array.isArray(schema['allOf']) ? (schema['allOf'] as Schema[]) : [];
}

function propertiesOf(schema: Schema): Record<string, Schema> {
  return (schema['properties'] ?? {}) as Record<string, Schema>;
}

/** OpenAPI 3.0 writes `nullable: true` where JSON Schema has the type `null`. */
function asJsonSchema(node: unknown): void {
  if (typeof node !== 'object' || node === null) return;
  const schema = node as Schema;
  if (schema['nullable'] === true && typeof schema['type'] === 'string') {
    schema['type'] = [schema['type'], 'null'];
    delete schema['nullable'];
  }
  for (const child of Object.values(schema)) asJsonSchema(child);
}
