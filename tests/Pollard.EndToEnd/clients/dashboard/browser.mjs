// A page in Chromium, and everything that must never happen in it.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const PATIENCE = 240_000; // A busy machine is no broken page.
const SLOW = 5_000;
const EXPECTED = /Failed to load resource/; // Refusals and a gateway that is away are part of some checks.

export async function openBrowser(url) {
  const chrome = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  const browser = new Browser(chrome, url);
  await browser.newPage();
  return browser;
}

class Browser {
  trouble = [];
  replies = [];
  asked = new Map(); // Requests that are under way, since when.
  notes = []; // What took long, and when a page was read, for who reads why a check failed.

  constructor(chrome, url) {
    Object.assign(this, { chrome, url });
  }

  /** Another page, which forgets all that the one before knew. */
  async newPage(options = {}) {
    await this.context?.close();
    this.context = await this.chrome.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    this.context.setDefaultTimeout(PATIENCE);
    this.page = await this.context.newPage();
    this.replies = [];
    this.#watch(this.page);
    // In the page's own world: what a script that came with content would call, and what the policy refused.
    await this.page.exposeFunction("reportTrouble", (words) => this.trouble.push(words));
    await this.page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) =>
        reportTrouble(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
      );
      window.hacked = () => reportTrouble("a script of the content ran");
    });
    return this.page;
  }

  #watch(page) {
    page.on("pageerror", (error) => this.trouble.push(`error: ${error.stack}`));
    page.on(
      "console",
      (said) => said.type() === "error" && !EXPECTED.test(said.text()) && this.trouble.push(`console: ${said.text()}`),
    );
    page.on("dialog", (dialog) => {
      this.trouble.push(`dialog: ${dialog.message()}`);
      return dialog.dismiss();
    });
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== this.url && protocol !== "data:") {
        this.trouble.push(`outside request: ${request.url()}`);
      }
    });
    page.on("response", (reply) => this.replies.push(reply));
    page.on("request", (request) => this.asked.set(request, Date.now()));
    page.on("requestfinished", (request) => this.#ended(request, "took"));
    page.on("requestfailed", (request) => this.#ended(request, "failed after"));
    page.on("domcontentloaded", () => this.notes.push(`${new Date().toISOString()} ${page.url()} was read`));
  }

  #ended(request, how) {
    const took = Date.now() - this.asked.get(request);
    this.asked.delete(request);
    if (took > SLOW && !request.url().endsWith("/events")) {
      this.notes.push(`${new Date().toISOString()} ${request.url()} ${how} ${took} ms`);
    }
  }

  /** Opens a page of the dashboard and waits until it shows a text. */
  async open(hash, text) {
    await this.page.goto(`${this.url}/#/${hash}`);
    if (text) {
      await this.see(text);
    }
  }

  /** Waits until the page's content shows a text. */
  see(text, root = "main") {
    return this.page.locator(root).getByText(text).first().waitFor();
  }

  /** Waits until something holds in the page. */
  until(holds, argument) {
    return this.page.waitForFunction(holds, argument, { timeout: PATIENCE });
  }

  /** Marks the page; a reload forgets that. */
  mark() {
    return this.page.evaluate(() => {
      window.marked = true;
    });
  }

  async checkMarked() {
    assert.equal(await this.page.evaluate(() => window.marked), true, "the page was loaded anew");
  }

  /** Signs in with a key. */
  async signIn(key) {
    await this.page.locator("#key").fill(key);
    await this.page.keyboard.press("Enter");
    await this.page.locator(".login").waitFor({ state: "detached" });
  }

  checkTrouble() {
    assert.deepEqual(this.trouble, []);
  }

  /** What is on the screen, for who reads why a check failed. */
  async describe() {
    const text = await this.page
      .evaluate(() => `${location.href}\n${document.body.innerText}`)
      .catch((error) => `${error}`);
    const open = [...this.asked].map(([request, since]) => `open for ${Date.now() - since} ms: ${request.url()}`);
    return [...this.trouble, ...this.notes, ...open, text.slice(0, 3000)].join("\n");
  }

  close() {
    return this.chrome.close();
  }
}
