import type { FastifyInstance } from 'fastify';
import { AppError } from './app-error';
import { PROBLEMS, type ProblemSlug } from './problem-catalogue';
import { PAGE_POLICY } from './security-headers';

const STYLE =
  'body{font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color:#1b1b1f}' +
  'code{background:#f0f0f3;padding:.1em .3em;border-radius:.2em}a{color:#0b57d0}dt{margin-top:1rem}dd{margin:0}';

/** Serves `/problems` and `/problems/<slug>`: what the `type` of a problem leads to (RFC 9457 section 3.1.1). */
export function serveProblemPages(server: FastifyInstance): void {
  server.get('/problems', (_request, reply) => reply.headers(headers()).send(indexPage()));
  server.get<{ Params: { slug: string } }>('/problems/:slug', (request, reply) => {
    const { slug } = request.params;
    if (!Object.hasOwn(PROBLEMS, slug)) throw new AppError('not-found', 'There is no such problem type.');
    return reply.headers(headers()).send(problemPage(slug as ProblemSlug));
  });
}

function headers(): Record<string, string> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': PAGE_POLICY,
    'cache-control': 'public, max-age=3600',
  };
}

function indexPage(): string {
  const entries = Object.entries(PROBLEMS).map(
    ([slug, { status, title }]) =>
      `<dt><a href="/problems/${slug}"><code>${slug}</code></a></dt><dd>${status} ${title}</dd>`,
  );
  return page(
    'Problems',
    `<p>Every error answer of Deadwax (RFC 9457) has one of these types.</p><dl>${entries.join('')}</dl>`,
  );
}

function problemPage(slug: ProblemSlug): string {
  const { status, title, explanation } = PROBLEMS[slug];
  const text = explanation.replace(/`([^`<]+)`/g, '<code>$1</code>').replace('<slug>', '&lt;slug&gt;');
  return page(
    title,
    `<p><code>${slug}</code>, status ${status}</p><p>${text}</p><p><a href="/problems">All problems</a></p>`,
  );
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title} - Deadwax</title><style>${STYLE}</style></head><body><h1>${title}</h1>${body}</body></html>\n`;
}
