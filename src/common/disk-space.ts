import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Below this a day of imports may fill the disk; below the second, the next one may. */
const LITTLE_BYTES = 1024 ** 3;
const LITTLE_SHARE = 0.05;
const NONE_BYTES = 100 * 1024 ** 2;

/** How full a disk is, as seen by users who are not root. */
export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly state: 'ok' | 'low' | 'full';
}

/** The disk that a file is on, or will be. */
export async function diskSpaceOf(path: string): Promise<DiskSpace> {
  let folder = path;
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  const { bavail, blocks, bsize } = await statfs(folder);
  const [freeBytes, totalBytes] = [bavail * bsize, blocks * bsize];
  const isLow = freeBytes < LITTLE_BYTES || freeBytes < LITTLE_SHARE * totalBytes;
  return { freeBytes, totalBytes, state: freeBytes < NONE_BYTES ? 'full' : isLow ? 'low' : 'ok' };
}
