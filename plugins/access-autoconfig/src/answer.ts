/** What is answered to a request: everything that is not known is not there. */

import { appleConfig } from './apple.js';
import { addressInRequest, outlookConfig } from './outlook.js';
import type { ClientFacts } from './thunderbird.js';
import { thunderbirdConfig } from './thunderbird.js';

/** A request, as far as it matters. */
export interface AskedPage {
  readonly method: string;
  readonly host: string;
  readonly url: string;
  readonly body: string;
}

/** A page. */
export interface Page {
  readonly status: number;
  readonly type: string;
  readonly content: string;
  readonly fileName?: string;
}

/** What pages are made of. */
export interface PageSource {
  /** `undefined` for domains that are not ours. */
  facts(domain: string): ClientFacts | undefined;
  /** The MTA-STS policy of a domain. */
  policy(domain: string): string | undefined;
}

const notFound: Page = { status: 404, type: 'text/plain', content: 'not here\n' };
const xml = 'text/xml; charset=utf-8';

/** The page. */
export function answerPage({ method, host, url, body }: AskedPage, source: PageSource): Page {
  const { pathname, searchParams } = readUrl(url);
  const path = pathname.toLowerCase();
  if (path === '/.well-known/mta-sts.txt') {
    const policy = host.startsWith('mta-sts.') ? source.policy(host.slice('mta-sts.'.length)) : undefined;
    return policy === undefined ? notFound : { status: 200, type: 'text/plain', content: policy };
  }
  if (path === '/mail/config-v1.1.xml' || path === '/.well-known/autoconfig/mail/config-v1.1.xml') {
    const address = searchParams.get('emailaddress');
    const domain = address === null ? host.replace(/^autoconfig\./, '') : domainOf(address);
    const facts = source.facts(domain);
    return facts === undefined ? notFound : { status: 200, type: xml, content: thunderbirdConfig(facts) };
  }
  if (path === '/autodiscover/autodiscover.xml') {
    const address = method === 'POST' ? addressInRequest(body) : (searchParams.get('email') ?? undefined);
    const facts = address === undefined ? undefined : source.facts(domainOf(address));
    return facts === undefined || address === undefined
      ? notFound
      : { status: 200, type: xml, content: outlookConfig(facts, address) };
  }
  if (path === '/email.mobileconfig') return apple(searchParams.get('email') ?? '', source);
  return notFound;
}

function apple(address: string, source: PageSource): Page {
  const facts = /^[^\s@<>"]{1,64}@[^\s@<>"]{1,253}$/.test(address)
    ? source.facts(domainOf(address))
    : undefined;
  const content = facts === undefined ? undefined : appleConfig(facts, address);
  if (content === undefined) return notFound;
  return { status: 200, type: 'application/x-apple-aspen-config', content, fileName: 'email.mobileconfig' };
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase();
}

function readUrl(url: string): URL {
  try {
    return new URL(url, 'http://localhost');
  } catch {
    return new URL('http://localhost/'); // Not a path: nothing is there.
  }
}
