/** The client's end of a dialogue: lines in, gathered writes out, and everything written down. */
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** A connection on which one waits for lines. */
export class DialogueStream {
  readonly transcript: string[] = [];
  readonly #timeoutMs: number;
  #socket: Socket;
  #received = '';
  #outgoing: Buffer[] = [];
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    this.#listen(socket);
  }

  say(octets: Buffer, isLine: boolean): void {
    this.transcript.push(`C: ${octets.toString('latin1')}`);
    this.#outgoing.push(octets);
    if (isLine) this.#outgoing.push(Buffer.from('\r\n'));
  }

  /** Sends what has been said since the last wait in one write. */
  flush(): void {
    if (this.#outgoing.length === 0) return;
    this.#socket.write(Buffer.concat(this.#outgoing));
    this.#outgoing = [];
  }

  async nextLine(at: number): Promise<string> {
    const line = await this.#peek(at);
    if (line === undefined) throw new Error(`line ${at}: the server closed the connection`);
    this.#received = this.#received.slice(this.#received.indexOf('\n') + 1);
    this.transcript.push(`S: ${line}`);
    return line;
  }

  /** Whether the next line fits, or there is none to come. */
  async isNextClosedOr(fits: (line: string) => boolean, at: number): Promise<boolean> {
    const line = await this.#peek(at);
    return line === undefined || fits(line);
  }

  async expectClosed(at: number): Promise<void> {
    const line = await this.#peek(at);
    if (line !== undefined) throw new Error(`line ${at}: expected the end, got ${JSON.stringify(line)}`);
    this.transcript.push('S: <closed>');
  }

  endInput(): void {
    this.flush();
    this.#socket.end();
  }

  async startTls(): Promise<void> {
    this.flush();
    this.#socket.removeAllListeners('data');
    const plain = this.#socket;
    this.#socket = await new Promise<Socket>((resolve, reject) => {
      const socket = connectTls({ socket: plain, rejectUnauthorized: false }, () => resolve(socket));
      socket.once('error', reject);
    });
    this.#received = '';
    this.#listen(this.#socket);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('utf8');
      this.#wake?.();
    });
    const closed = (): void => {
      this.#isClosed = true;
      this.#wake?.();
    };
    socket.on('end', closed);
    socket.on('close', closed);
    // A reset is the server's end too; the dialogue says whether it was expected.
    socket.on('error', closed);
  }

  async #peek(at: number): Promise<string | undefined> {
    this.flush();
    const signal = AbortSignal.timeout(this.#timeoutMs);
    while (!this.#received.includes('\n')) {
      if (this.#isClosed) return undefined;
      await this.#more(signal, at);
    }
    const line = this.#received.slice(0, this.#received.indexOf('\n'));
    return line.endsWith('\r') ? line.slice(0, -1) : `${line}<LF>`;
  }

  #more(signal: AbortSignal, at: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = (): void => reject(new Error(`line ${at}: the server said nothing`));
      signal.addEventListener('abort', late, { once: true });
      this.#wake = () => {
        signal.removeEventListener('abort', late);
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
