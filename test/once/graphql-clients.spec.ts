import { GraphQLClient } from 'graphql-request';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { ensureBinaries } from '../support/servers/binaries.mjs';
import { startApp, type TestApp } from '../support/app';

/* What others wrote, on the sample catalogue: a client of npm's, and the page in a browser. */

const ISRC = 'USWB10102873';
let service: TestApp;
beforeAll(async () => {
  service = await startApp({ GRAPHIQL: 'true' });
  await service.call('POST', '/v1/tracks', { json: { isrc: ISRC } });
});
afterAll(() => service.stop());

describe('graphql-request', () => {
  const clientOf = (token: string) =>
    new GraphQLClient(`${service.url}/graphql`, { headers: { authorization: `Bearer ${token}` } });

  it("runs the README's example", async () => {
    const readme = readFileSync(join(__dirname, '..', '..', 'README.md'), 'utf8');
    const [, query = ''] = /gql`\n([\s\S]*?)`/.exec(readme) ?? [];
    const data: unknown = await clientOf(service.tokens.reader).request(query, { artist: 'trashmen' });
    expect(data).toMatchObject({
      tracks: { nodes: [{ isrc: ISRC, title: "Surfin' Bird", artists: [{ name: 'The Trashmen' }] }] },
    });
  });

  it('is told what went wrong', async () => {
    const query = '{ track(isrc: "QZDWX2600001") { title } }';
    await expect(clientOf(service.tokens.reader).request(query)).rejects.toMatchObject({
      response: { errors: [{ extensions: { code: 'track-not-found' } }] },
    });
    await expect(clientOf('dwx_nope').request(query)).rejects.toMatchObject({ response: { status: 401 } });
  });
});

describe('the page', () => {
  let browser: Browser;
  beforeAll(async () => {
    const { server: executablePath } = ensureBinaries(['chromium'])['chromium'] ?? { server: '' };
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  });
  afterAll(() => browser.close());

  it('is opened in a browser, loads nothing from elsewhere, and runs a query by the token that it is given', async () => {
    const page = await browser.newPage();
    const { faults, elsewhere } = watch(page);
    await page.goto(`${service.url}/graphql`);
    await page.waitForSelector('.graphiql-execute-button');
    await page.fill('#token', service.tokens.admin);
    await page.locator('#token').blur();
    await page.waitForSelector('.graphiql-execute-button');
    await page.locator('.graphiql-query-editor .CodeMirror').click();
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText(`{ track(isrc: "${ISRC}") { title album { type } } }`);
    await page.click('.graphiql-execute-button');
    await page.locator('.result-window', { hasText: "Surfin' Bird" }).waitFor();
    // The schema was read with the token: it is explained beside the editor.
    await page.click('button[aria-label="Show Documentation Explorer"]');
    await page.locator('.graphiql-doc-explorer-content', { hasText: 'Query' }).waitFor();
    expect(elsewhere).toEqual([]);
    expect(faults).toEqual([]);
    // Nothing of the token stays behind.
    const kept = await page.evaluate(
      'JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie',
    );
    expect(kept).not.toContain(service.tokens.admin);
    await page.close();
  });
});

/** What the page fails at, and what it asks of others than the service. */
function watch(page: Page): { faults: string[]; elsewhere: string[] } {
  const faults: string[] = [];
  const elsewhere: string[] = [];
  page.on('pageerror', ({ message }) => faults.push(message));
  page.on('console', (message) => {
    // Without a token, the first question for the schema is refused.
    if (message.type() === 'error' && !message.text().includes('status of 401')) faults.push(message.text());
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(service.url) && !url.startsWith('data:') && !url.startsWith('blob:'))
      elsewhere.push(url);
  });
  return { faults, elsewhere };
}
