import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** Names that Chromium and what is made from it go by. */
const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/** Path of a Chromium: CHROME_PATH, or one on the PATH; undefined where there is none. */
export function findBrowser(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const candidates = folders.flatMap((folder) => names.map((name) => join(folder, name)));
  return [process.env.CHROME_PATH, ...candidates].find((path) => path !== undefined && isExecutable(path));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

type Message = {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
};

/** One page of a headless Chromium, spoken to through the DevTools protocol on two pipes. */
export class Page {
  readonly #profile = mkdtempSync(join(tmpdir(), 'quantize-browser-'));
  readonly #browser: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  #events: Message[] = [];
  readonly #listeners = new Set<(message: Message) => void>();
  #session: string | undefined;
  #last = 0;
  #text = '';

  private constructor(path: string, more: readonly string[]) {
    const profile = this.#profile;
    const flags = [
      '--headless=new',
      '--no-sandbox',
      ...(more.length > 0 ? more : ['--disable-gpu']),
      '--disable-dev-shm-usage',
      '--no-first-run',
    ];
    const args = [...flags, '--hide-scrollbars', `--user-data-dir=${profile}`, '--remote-debugging-pipe'];
    this.#browser = spawn(path, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    (this.#browser.stdio[4] as Readable)
      .setEncoding('utf8')
      .on('data', (part: string) => this.#receive(part));
    this.#browser.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser has ended'));
    });
  }

  /**
   * A page that nothing is loaded in yet.
   *
   * @param flags - of the browser, where it is to have a graphics processor
   */
  static async open(path: string, flags: readonly string[] = []): Promise<Page> {
    const page = new Page(path, flags);
    const { targetId } = await page.send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' });
    const attach = { targetId, flatten: true };
    const { sessionId } = await page.send<{ sessionId: string }>('Target.attachToTarget', attach);
    page.#session = sessionId;
    for (const domain of ['Page', 'Network', 'Log', 'Runtime']) await page.send(`${domain}.enable`);
    return page;
  }

  /** What the browser told since the page was loaded. */
  events(method: string): Readonly<Record<string, unknown>>[] {
    return this.#events.flatMap((event) => (event.method === method && event.params ? [event.params] : []));
  }

  send<T>(method: string, params: object = {}): Promise<T> {
    const id = ++this.#last;
    const message = { id, method, params, ...(this.#session && { sessionId: this.#session }) };
    (this.#browser.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: never) => void, reject });
    });
  }

  async load(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => {
      const listener = ({ method }: Message) => {
        if (method !== 'Page.loadEventFired') return;
        this.#listeners.delete(listener);
        resolve();
      };
      this.#listeners.add(listener);
    });
    this.#events = [];
    await this.send('Page.navigate', { url });
    await loaded;
  }

  /** The value of an expression in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    const asked = { expression, returnByValue: true, awaitPromise: true };
    const { result } = await this.send<{ result: { value: T } }>('Runtime.evaluate', asked);
    return result.value;
  }

  /** What is emulated: the scheme of colours, and the size of the window. */
  async show(scheme: 'light' | 'dark', width: number, height: number): Promise<void> {
    const features = [{ name: 'prefers-color-scheme', value: scheme }];
    await this.send('Emulation.setEmulatedMedia', { features });
    const size = { width, height, deviceScaleFactor: 1, mobile: false };
    await this.send('Emulation.setDeviceMetricsOverride', size);
  }

  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#browser.once('exit', () => resolve()));
    this.#session = undefined;
    this.send('Browser.close').catch(() => {});
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #receive(part: string): void {
    this.#text += part;
    const messages = this.#text.split('\0');
    this.#text = messages.pop() ?? '';
    for (const text of messages) {
      const message = JSON.parse(text) as Message;
      if (message.id === undefined) {
        this.#events.push(message);
        for (const listener of [...this.#listeners]) listener(message);
        continue;
      }
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.error) waiting?.reject(new Error(message.error.message));
      else waiting?.resolve(message.result as never);
    }
  }
}
