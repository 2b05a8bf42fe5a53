/** `fila requests export`: every request that matches, page by page, never more than a page in memory. */
import { unlink } from 'node:fs/promises';
import type { CallOptions, Request, RequestEntry } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { progressLine } from '../../output/progress.ts';
import { momentOf } from '../moment-of.ts';
import { exportFormats, type ExportFormat } from './export-format.ts';
import { openExport, type ExportTarget } from './export-target.ts';
import { isOfOthers, requestFilter, type RequestFilterFlags } from './request-filter.ts';

export interface ExportRequestsFlags extends RequestFilterFlags {
  readonly format: ExportFormat;
  /** - is stdout. */
  readonly file: string;
}

type Exported = Request | RequestEntry;
type GetPage = (cursor?: string) => Promise<{ items: Exported[]; next_cursor: string | null }>;

const OWN_PAGE = 100;
const PAGE = 500;
/** A page is asked for again through minutes of a lost connection, from where the last one ended. */
const PATIENT: CallOptions = { maxRetries: 30 };

export async function exportRequests(context: CliContext, flags: ExportRequestsFlags): Promise<void> {
  const getPage = await pagesOf(context, flags);
  const target = await openExport(flags.file, context.host.stdout);
  const progress = progressLine(context);
  const shareAt = shareOfTime(flags.since, context.now());
  let count = 0;
  try {
    count = await copy(getPage, { target, format: flags.format, isOwn: !isOfOthers(flags) }, (done, oldest) =>
      progress.at(requestsText(done), shareAt(oldest)),
    );
  } catch (error) {
    // Half an export must not be taken for a whole one.
    if (flags.file !== '-') await unlink(flags.file).catch(() => undefined);
    throw error;
  } finally {
    progress.end();
    await target.close();
  }
  context.out.notice(`${requestsText(count)}${flags.file === '-' ? '' : ` in ${flags.file}`}.`);
}

function requestsText(count: number): string {
  return `${count} ${count === 1 ? 'request' : 'requests'}`;
}

/** Newest first: what lies between now and the oldest that was written is done. */
function shareOfTime(since: string | undefined, startMs: number) {
  const endMs = since === undefined ? startMs : Date.parse(momentOf('--since', since, startMs)!);
  return (oldest: string | undefined): number | undefined =>
    endMs < startMs && oldest !== undefined ? (startMs - Date.parse(oldest)) / (startMs - endMs) : undefined;
}

async function pagesOf(context: CliContext, flags: ExportRequestsFlags): Promise<GetPage> {
  const query = requestFilter(flags, context.now());
  if (isOfOthers(flags)) {
    const fila = await context.sdk('admin');
    return (cursor) =>
      fila.requests.listAll({ ...query, key: flags.key, limit: PAGE, cursor }, PATIENT).page();
  }
  const fila = await context.sdk('client');
  return (cursor) => fila.requests.list({ ...query, limit: OWN_PAGE, cursor }, PATIENT).page();
}

interface Copying {
  readonly target: ExportTarget;
  readonly format: ExportFormat;
  readonly isOwn: boolean;
}

async function copy(
  getPage: GetPage,
  { target, format, isOwn }: Copying,
  onPage: (count: number, oldest: string | undefined) => void,
): Promise<number> {
  const { head, rows, tail } = exportFormats[format](isOwn);
  let count = 0;
  let cursor: string | undefined;
  await target.write(head);
  do {
    const page = await getPage(cursor);
    if (page.items.length > 0) await target.write(rows(page.items, count === 0));
    count += page.items.length;
    onPage(count, page.items.at(-1)?.created_at);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  await target.write(tail);
  return count;
}
