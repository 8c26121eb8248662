// What the dashboard costs a browser: node dashboard-figures.mjs URL. A line of JSON for its first load and for each page.
import { readdirSync, readFileSync } from "node:fs";
import { openBrowser } from "./dashboard/browser.mjs";

const LOADS = 7;
const SECONDS = 15;
const PAGES = { now: "Running", tasks: "Tasks", hosts: "Hosts", models: "Models" };
const TICKS = 100; // Of /proc, a second.

const url = process.argv[2];
const browser = await openBrowser(url);
try {
  const loads = [];
  for (let i = 0; i < LOADS; i++) {
    loads.push(await load());
  }
  const { bytes, files } = loads[0];
  console.log(JSON.stringify({ name: "first load", ms: loads.map(({ ms }) => ms), bytes, files }));
  for (const [page, text] of Object.entries(PAGES)) {
    console.log(JSON.stringify({ name: `page ${page}`, ...(await watch(page, text)) }));
  }
} finally {
  await browser.close();
}

// With nothing kept from before: until what runs is shown.
async function load() {
  const page = await browser.newPage();
  const began = performance.now();
  await browser.open("now", PAGES.now);
  const ms = performance.now() - began;
  const sizes = await Promise.all(
    browser.replies
      .filter((reply) => !reply.url().includes("/v1/"))
      .map(async (reply) => (await reply.request().sizes()).responseBodySize),
  );
  await page.close();
  return { ms, bytes: sizes.reduce((sum, size) => sum + size, 0), files: sizes.length };
}

// CPU of all of the browser's processes while nobody touches the page, and what of it was our script.
async function watch(name, text) {
  await browser.newPage();
  await browser.open(name, text);
  const session = await browser.context.newCDPSession(browser.page);
  await session.send("Performance.enable");
  await pause(3);
  const [script, cpu] = [await scriptSeconds(session), cpuSeconds()];
  await pause(SECONDS);
  const core = (cpuSeconds() - cpu) / SECONDS;
  const ours = ((await scriptSeconds(session)) - script) / SECONDS;
  const heap = await browser.page.evaluate(() => performance.memory.usedJSHeapSize);
  const rows = await browser.page.locator("[data-row]").count();
  return { core, script: ours, heap, rows };
}

async function scriptSeconds(session) {
  const { metrics } = await session.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "ScriptDuration").value;
}

function cpuSeconds() {
  let ticks = 0;
  for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      if (stat.includes("(chromium)")) {
        const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        ticks += Number(fields[11]) + Number(fields[12]);
      }
    } catch {
      // It has ended.
    }
  }
  return ticks / TICKS;
}

function pause(seconds) {
  return new Promise((done) => setTimeout(done, seconds * 1000));
}
