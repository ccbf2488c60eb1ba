import addFormats from 'ajv-formats';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020';
import type { OpenAPIObject } from '@nestjs/swagger';

/** One call and its answer, as far as the description of the API has something to say about it. */
export interface Exchange {
  readonly method: string;
  /** As sent, with its query. */
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

type Json = Record<string, unknown>;

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'patch', 'trace'];
/** What is served beside the API that the document describes: pages for people, and the document itself. */
const UNDOCUMENTED = /^\/(docs|problems|openapi\.json)(\/|$)/;
const PROBLEM = 'application/problem+json';

/**
 * Holds answers against the OpenAPI document: the status and media type must be documented for the operation, the
 * body must fit its schema, and no schema lets a key pass that it does not name. Whatever is refused before an
 * operation is found must be a problem.
 */
export class OpenApiConformity {
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true });
  private readonly validators = new Map<string, ValidateFunction>();
  private readonly paths: Record<string, Json>;

  constructor(document: OpenAPIObject) {
    const closed = structuredClone(document) as unknown as Json;
    refuseUnknownKeys(closed);
    this.paths = closed['paths'] as Record<string, Json>;
    addFormats(this.ajv);
    this.ajv.addSchema({ $id: 'document', ...closed });
  }

  /** @throws Error that says what the document lacks, or the answer has too much or too little */
  check(exchange: Exchange): void {
    const fault = this.faultOf(exchange);
    if (fault === null) return;
    const { method, path, status, text } = exchange;
    throw new Error(
      `Not as the OpenAPI document has it: ${method} ${path.slice(0, 200)} answered ${status}: ${fault}\n${text.slice(0, 1000)}`,
    );
  }

  private faultOf({ method, path, status, headers, text }: Exchange): string | null {
    if (headers.get('x-request-id') === null) return 'there is no X-Request-Id';
    const mediaType = (headers.get('content-type') ?? '').split(';', 1)[0] ?? '';
    const pathname = path.split('?', 1)[0] ?? '';
    const template = this.templateOf(pathname);
    const verb = method.toLowerCase() === 'head' ? 'get' : method.toLowerCase();
    const operation = template === null ? undefined : (this.paths[template]?.[verb] as Json | undefined);
    if (template === null || operation === undefined) {
      if (status < 400 && UNDOCUMENTED.test(pathname)) return null;
      if (status < 400) return 'no such operation is documented';
      if (template !== null && status === 405) {
        const documented = METHODS.filter((each) => this.paths[template]?.[each] !== undefined);
        const allowed = (headers.get('allow') ?? '').toLowerCase().split(', ');
        const missing = documented.filter((each) => !allowed.includes(each));
        if (missing.length > 0) return `Allow lacks ${missing.join(', ')}`;
      }
      return this.faultOfBody('/components/schemas/Problem', mediaType, PROBLEM, method, text);
    }
    const response = (operation['responses'] as Record<string, Json>)[status];
    if (response === undefined) return `status ${status} is not documented`;
    const content = response['content'] as Json | undefined;
    if (content === undefined || status === 304) return text === '' ? null : 'a body is not documented';
    if (content[mediaType] === undefined) return `media type ${mediaType} is not documented`;
    const pointer = ['paths', template, verb, 'responses', `${status}`, 'content', mediaType, 'schema'];
    return this.faultOfBody(`/${pointer.map(escapePointer).join('/')}`, mediaType, mediaType, method, text);
  }

  private faultOfBody(
    pointer: string,
    mediaType: string,
    expectedType: string,
    method: string,
    text: string,
  ): string | null {
    if (mediaType !== expectedType) return `media type ${mediaType} in place of ${expectedType}`;
    if (method === 'HEAD') return text === '' ? null : 'a body in the answer to HEAD';
    let validate = this.validators.get(pointer);
    if (validate === undefined) {
      validate = this.ajv.compile({ $ref: `document#${pointer}` });
      this.validators.set(pointer, validate);
    }
    const isJson = /^application\/([\w-]+\+)?json$/.test(mediaType);
    if (validate(isJson ? JSON.parse(text) : text)) return null;
    return this.ajv.errorsText((validate.errors ?? []).slice(0, 5), { dataVar: 'body' });
  }

  /** The documented path; one without parameters before one with. */
  private templateOf(pathname: string): string | null {
    if (this.paths[pathname] !== undefined) return pathname;
    const parts = pathname.split('/');
    const fits = (template: string): boolean => {
      const expected = template.split('/');
      return (
        expected.length === parts.length &&
        expected.every((part, at) => part === parts[at] || (part.startsWith('{') && parts[at] !== ''))
      );
    };
    return Object.keys(this.paths).find(fits) ?? null;
  }
}

/** An object schema that does not say what becomes of other keys refuses them here. */
function refuseUnknownKeys(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const schema = value as Json;
  if (schema['type'] === 'object' && 'properties' in schema && !('additionalProperties' in schema)) {
    schema['additionalProperties'] = false;
  }
  for (const part of Object.values(schema)) refuseUnknownKeys(part);
}

function escapePointer(part: string): string {
  return encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
}
