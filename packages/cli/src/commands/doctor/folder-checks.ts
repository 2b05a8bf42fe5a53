/** What the doctor looks at on this machine: room in the data folder, and who may read it and its secrets. */
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { failed, passed, skipped, type Finding } from './finding.ts';

const LEAST_FREE_BYTES = 1024 ** 3;
const SECRET_FILES = ['master.key', 'admin.token'];

export async function folderFindings(folder: string): Promise<Finding[]> {
  const info = await stat(folder).catch(() => null);
  if (!info?.isDirectory()) return [skipped('data folder', `there is no ${folder} on this machine`)];
  return [
    await roomFinding(folder),
    privacyFinding('data folder', folder, { mode: info.mode, wanted: '700' }),
    ...(await secretFindings(folder)),
  ];
}

async function roomFinding(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  const free = `${(freeBytes / 1024 ** 3).toFixed(1)} GiB free in ${folder}`;
  if (freeBytes >= LEAST_FREE_BYTES) return passed('disk space', free);
  return failed('disk space', free, ['Make room: with a full disk nothing is accepted.', `df -h ${folder}`]);
}

async function secretFindings(folder: string): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const name of SECRET_FILES) {
    const file = join(folder, name);
    const info = await stat(file).catch(() => null);
    if (info) found.push(privacyFinding(name, file, { mode: info.mode, wanted: '600' }));
    else found.push(skipped(name, 'not in the data folder: it comes from a setting'));
  }
  return found;
}

/** Nothing for group and others; who may do less than is wanted is in order. */
function privacyFinding(
  name: string,
  path: string,
  { mode, wanted }: { mode: number; wanted: string },
): Finding {
  const octal = (mode & 0o777).toString(8).padStart(3, '0');
  if (process.platform === 'win32') return skipped(name, 'Windows has no such mode');
  if ((mode & 0o077) === 0) return passed(name, `mode ${octal}: ${path}`);
  return failed(name, `others on this machine can open it (mode ${octal}): ${path}`, [
    'Take it from them.',
    `chmod ${wanted} ${path}`,
  ]);
}
