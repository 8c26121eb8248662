// Drives the dashboard in Chromium: node dashboard.mjs CHECK URL [JSON]. Says "ok" at the end, or fails with what it saw.
// What only the test can do in between (kill the gateway, start an agent) it asks for in a line, and waits for one.
import { createInterface } from "node:readline";
import { openBrowser } from "./dashboard/browser.mjs";
import * as pages from "./dashboard/pages.mjs";
import * as sessions from "./dashboard/sessions.mjs";
import * as access from "./dashboard/access.mjs";
import * as content from "./dashboard/content.mjs";

const checks = { ...pages, ...sessions, ...access, ...content };
const [name, url, given = "{}"] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Asks the test for something and waits until it is done. */
async function ask(what) {
  console.log(`> ${what}`);
  await lines.next();
}

const browser = await openBrowser(url);
try {
  await checks[name]({ browser, url, ask, ...JSON.parse(given) });
  browser.checkTrouble();
  console.log("ok");
} catch (error) {
  console.error(error.stack);
  console.error(await browser.describe());
  process.exitCode = 1;
} finally {
  await browser.close();
  process.stdin.destroy();
}
