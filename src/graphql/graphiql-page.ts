import { Inject, Injectable, Logger } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readFile } from 'node:fs/promises';
import { AppError } from '../common/app-error';
import { preferredType } from '../common/media-type';
import { GRAPHIQL_POLICY } from '../common/security-headers';
import { type Settings, settings } from '../config/settings';
import { findGraphiql } from './graphiql-files';

const KEPT_S = 3600;

/** Asks with the token from the header editor or the field above, which is kept in the memory of the page alone. */
const START = `
'use strict';
const field = document.getElementById('token');
const fetcher = async (params, { headers = {} } = {}) => {
  const token = field.value.trim();
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json, application/json;q=0.9',
      ...(token === '' ? {} : { authorization: 'Bearer ' + token }),
      ...headers,
    },
    body: JSON.stringify(params),
  });
  return response.json();
};
const root = ReactDOM.createRoot(document.getElementById('graphiql'));
let times = 0;
const show = () => {
  root.render(
    React.createElement(GraphiQL, {
      key: times++,
      fetcher,
      defaultQuery: '# Needs a token. The schema and its completion need the scope ops:read.\\n{\\n  me {\\n    subject\\n    scopes\\n  }\\n}\\n',
      shouldPersistHeaders: false,
    }),
  );
};
// Made anew with another token: what it may see of the schema may differ.
field.addEventListener('change', show);
show();
`;

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>GraphQL - Deadwax</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/graphql/assets/graphiql.css">
    <style>
      body { margin: 0; display: flex; flex-direction: column; height: 100vh; font: 14px system-ui, sans-serif }
      label { padding: .5rem 1rem; display: flex; gap: .5rem; align-items: center }
      input { flex: 1; font: inherit; padding: .25rem .5rem }
      #graphiql { flex: 1; min-height: 0 }
    </style>
  </head>
  <body>
    <label>Bearer token <input id="token" type="password" autocomplete="off" spellcheck="false"></label>
    <div id="graphiql"></div>
    <script src="/graphql/assets/react.js"></script>
    <script src="/graphql/assets/react-dom.js"></script>
    <script src="/graphql/assets/graphiql.js"></script>
    <script src="/graphql/assets/start.js"></script>
  </body>
</html>
`;

/** GraphiQL, served from here: nothing is loaded from elsewhere. Off in production unless the settings have it on. */
@Injectable()
export class GraphiqlPage {
  private readonly files: ReadonlyMap<string, string> | null;

  constructor(@Inject(settings.KEY) { graphql }: Settings) {
    this.files = graphql.hasPage ? findGraphiql() : null;
    if (graphql.hasPage && this.files === null)
      new Logger(GraphiqlPage.name).warn('no page at /graphql: its files are not there');
  }

  get isServed(): boolean {
    return this.files !== null;
  }

  send(reply: FastifyReply): FastifyReply {
    return reply
      .headers({
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': GRAPHIQL_POLICY,
        'cache-control': 'no-cache',
        vary: 'Accept',
      })
      .send(PAGE);
  }

  serveAssets(server: FastifyInstance): void {
    const { files } = this;
    if (files === null) return;
    server.get<{ Params: { name: string } }>('/graphql/assets/:name', async (request, reply) => {
      const { name } = request.params;
      const file = files.get(name);
      if (file === undefined && name !== 'start.js')
        throw new AppError('not-found', 'There is no such route or resource.');
      const type = name.endsWith('.css') ? 'text/css' : 'text/javascript';
      return reply
        .headers({ 'content-type': `${type}; charset=utf-8`, 'cache-control': `public, max-age=${KEPT_S}` })
        .send(file === undefined ? START : await readFile(file));
    });
  }
}

/** Whether a browser wants a page rather than an answer. */
export function asksForPage({ method, url, raw }: FastifyRequest, others: readonly string[]): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  return url === '/graphql' && preferredType(raw, [...others, 'text/html']) === 'text/html';
}
