/**
 * Telling a client what happens while no command is under way: while it idles (RFC 2177), and after NOTIFY (RFC 5465).
 * One piece of news after another; nothing is told twice or out of order.
 */
import { tellNews } from './news.js';
import { hasOtherNews, tellOtherNews } from './notify-news.js';
import type { Session } from './session.js';

/** The pump of one connection. */
export class NewsPump {
  readonly #session: Session;
  #running: Promise<void> | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** There may be news: tells them when the client listens and no command is under way. */
  request(): void {
    if (this.#running !== undefined || !this.#isWanted()) return;
    const session = this.#session;
    this.#running = this.#run()
      .catch((error: unknown) => {
        session.server.log.error('imap news failed', { connection: session.connection.id, error });
        session.isOver = true;
        session.wire.destroy();
      })
      .finally(() => {
        this.#running = undefined;
        if (this.#isWanted() && this.#hasNews()) this.request();
      });
  }

  /** Resolves when nothing is being told. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #isWanted(): boolean {
    const { isBusy, isOver, isIdling, notify } = this.#session;
    return !isBusy && !isOver && (isIdling || notify !== undefined);
  }

  #hasNews(): boolean {
    const { view } = this.#session;
    const isSelectedStale = view?.isStale === true || view?.areRightsStale === true;
    return (this.#tellsSelected() && isSelectedStale) || hasOtherNews(this.#session);
  }

  /** RFC 5465 section 6.1: without IDLE the selected mailbox is told of only when NOTIFY asks for it. */
  #tellsSelected(): boolean {
    const { isIdling, notify } = this.#session;
    return isIdling || notify?.selected?.events.has('MessageNew') === true;
  }

  async #run(): Promise<void> {
    const session = this.#session;
    // A change that comes while the last one is being told is told in the next round.
    do {
      const isDelayed = session.notify?.selected?.filter.which === 'selected-delayed';
      if (this.#tellsSelected()) await tellNews(session, session.isIdling || !isDelayed);
      if (!session.isOver) await tellOtherNews(session);
    } while (this.#hasNews() && this.#isWanted());
    await session.wire.output.drain();
    if (session.isOver) session.wire.close();
  }
}
