/**
 * A real OpenID provider (npm's oidc-provider) on loopback, as a process of its own: it is an ES module that Jest would have to
 * compile, and a test has to be able to end it. Reads its settings as JSON from standard input, says `ready` when it listens.
 */
import { createServer } from 'node:http';
import Provider, { errors } from 'oidc-provider';

let input = '';
for await (const part of process.stdin) input += part;
const { port, client, audience, scope, keys } = JSON.parse(input);

const server = createServer((request, response) => provider.callback()(request, response));
await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  jwks: { keys },
  clients: [
    {
      client_id: client.id,
      client_secret: client.secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    },
  ],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => {
        if (resource !== audience) throw new errors.InvalidTarget();
        return { scope, audience, accessTokenFormat: 'jwt', accessTokenTTL: 600 };
      },
    },
  },
});

process.stdout.write(`ready ${issuer}\n`);
// The test that started it is gone: so is the reason for it.
process.on('disconnect', () => process.exit());
