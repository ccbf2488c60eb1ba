import type { Command } from 'commander';
import { z } from 'zod';

const MAX_LOOKUP = 1000;

/** As much of a track as a line shows. */
const shownTrack = z.object({
  title: z.string(),
  artists: z.array(z.object({ name: z.string() })),
  album: z.object({ title: z.string(), releaseDate: z.string().nullable() }),
});

/** `deadwax lookup ISRC…`: what is stored under codes; the source is never asked. */
export function addLookupCommand(program: Command): void {
  program
    .command('lookup')
    .description('show what is stored under ISRCs; exit code 1 where one is missing or none')
    .argument('<isrc...>', 'in any accepted spelling')
    .option('--json', 'answer in JSON, for machines')
    .action(async (inputs: string[], { json }: { json?: true }, command: Command) => {
      if (inputs.length > MAX_LOOKUP) command.error(`error: at most ${MAX_LOOKUP} ISRCs in one call`);
      const { withServices } = await import('./app-context.js');
      const found = await withServices(({ tracks }) => tracks.lookupTracks(inputs), { needsFile: true });
      const results = found.map(({ input, isrc, status, track }) => ({
        input,
        isrc,
        status,
        track: track === null ? null : (JSON.parse(track.body) as unknown), // our own text
      }));
      if (json) console.log(JSON.stringify({ results }, null, 2));
      else for (const result of results) console.log(lineOf(result));
      if (results.some(({ status }) => status !== 'found')) process.exitCode = 1;
    });
}

function lineOf({
  input,
  isrc,
  status,
  track,
}: {
  input: string;
  isrc: string | null;
  status: string;
  track: unknown;
}): string {
  if (track === null) return printable(`${isrc ?? input}\t${status}`);
  const { title, artists, album } = shownTrack.parse(track);
  const names = artists.map(({ name }) => name).join('; ');
  return printable(`${isrc ?? ''}\t${names}\t${title}\t${album.title}\t${album.releaseDate ?? ''}`);
}

/** Without what steers a terminal, or cannot be seen; tabs stay. */
function printable(text: string): string {
  return text.replace(/(?!\t)\p{C}/gu, '\ufffd');
}
