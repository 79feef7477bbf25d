/** The plugin: return paths for each recipient, and the reports that come back to them or to report addresses. */
import {
  accept,
  addressKey,
  Clock,
  type Delivery,
  definePlugin,
  type MailAddress,
  type QueuedMessage,
  type ReceivedReport,
  Reports,
  readReport,
  reject,
  reply,
} from '@postroad/core';
import { config, type RouteReturnConfig, secretOf } from './options.js';
import { type ReturnPathOptions, readReturnPath, returnPathFor } from './return-path.js';
import { reportFromText } from './text-report.js';

const routeName = 'return';
const taken = reply(250, '0.0', 'the report was read');
/** Of a bounce that is no report by the RFC so much is looked at. */
const textOctetsMax = 65_536;

/** See the README. */
export const routeReturn = definePlugin({
  name: 'route-return',
  description: 'Return paths for each recipient (VERP), and the reports that come back.',
  config,
  needs: { clock: Clock, reports: Reports },
  setup({ config, services, log, metrics, tap }) {
    const { clock, reports } = services;
    const options: ReturnPathOptions = { domain: config.domain, days: config.days, secret: secretOf(config) };
    const reportAddresses = new Set(config.reportAddresses);
    const isReportAddress = (address: MailAddress) => reportAddresses.has(addressKey(address).toLowerCase());
    const read = (address: MailAddress) => readReturnPath(address, clock.now(), options);

    tap('returnPath', (message, recipient) =>
      isSenderConcerned(config, message) ? returnPathFor(recipient.address, clock.now(), options) : undefined,
    );
    // Whoever answers a path that we have not made, or made long ago, gets no ear.
    tap('recipient', (_transaction, { address }) => {
      if (isReportAddress(address)) return accept();
      const found = read(address);
      if (found === undefined) return undefined;
      return 'recipient' in found ? accept() : reject(550, '1.1', 'no such address');
    });
    tap(
      'route',
      (_envelope, { address }) => {
        const isOurs = isReportAddress(address) || read(address) !== undefined;
        return isOurs ? { transport: 'custom', name: routeName, target: address.domain } : undefined;
      },
      { order: 'early' },
    );
    tap('deliver', async (delivery) => {
      const { route, recipients, message } = delivery;
      if (route.transport !== 'custom' || route.name !== routeName) return undefined;
      for (const { address } of recipients) {
        const found = read(address);
        const addressed = found !== undefined && 'recipient' in found ? found.recipient : undefined;
        const report = await reportOf(delivery, addressed);
        // Complaints come to one address, but name the path that the message had.
        const path = report?.complaint?.reversePath;
        const named = path === undefined ? undefined : read(path);
        const proven =
          addressed ?? (named !== undefined && 'recipient' in named ? named.recipient : undefined);
        metrics.counter('route_return_reports_total', 'Reports that came by mail', kindOf(report)).increase();
        if (report === undefined) {
          log.info('mail to a return path is no report', { message: message.id });
          continue;
        }
        log.info('a report came', { message: message.id, report: report.kind, recipient: proven });
        await reports.tell({ report, ...(proven === undefined ? {} : { provenRecipient: proven }) });
      }
      return { outcomes: recipients.map(({ index }) => ({ index, status: 'delivered', reply: taken })) };
    });
  },
});

/** A report by the RFCs, else what the words of a bounce give away: of those only to paths of our own. */
async function reportOf(
  { message }: Delivery,
  proven: MailAddress | undefined,
): Promise<ReceivedReport | undefined> {
  const report = await readReport(message.body);
  if (report !== undefined || proven === undefined || message.reversePath !== null) return report;
  const end = Math.min(message.body.sizeBytes, textOctetsMax);
  const pieces: Uint8Array[] = [];
  for await (const chunk of message.body.open({ start: 0, end })) pieces.push(chunk);
  return reportFromText(Buffer.concat(pieces).toString('latin1'), proven);
}

function kindOf(report: ReceivedReport | undefined): { readonly kind: string } {
  return { kind: report?.kind ?? 'none' };
}

function isSenderConcerned({ senders }: RouteReturnConfig, { reversePath }: QueuedMessage): boolean {
  if (reversePath === null) return false;
  return senders.some((pattern) =>
    pattern.startsWith('*.') ? reversePath.domain.endsWith(pattern.slice(1)) : reversePath.domain === pattern,
  );
}
