// Without a mouse, on a phone, and for people who see less or hear the page.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { api, ended, submit } from "./gateway.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The address of each page, and a text that it shows when it is there. */
async function allPages({ url, model, host }) {
  const done = await submit(url, { model });
  await ended(url, done);
  const waiting = await submit(url, { model: "nobody-has-this" });
  const { id } = (await api(url, "/v1/hosts")).hosts.find(({ name }) => name === host);
  return [
    ["now", "Since the start"],
    ["tasks", done],
    [`tasks/${done}`, "Show result"],
    [`tasks/${waiting}`, "Why it waits"],
    ["hosts", host],
    [`hosts/${id}`, "Connections"],
    ["models", model],
    ["keys", "Join tokens of hosts"],
    ["settings", "--urls"],
    ["try", "The same with curl"],
    ["nowhere", "There is no page at this address."],
  ];
}

const focused = (page) => page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.id);

async function tabTo(page, words) {
  for (let steps = 0; steps < 80; steps++) {
    await page.keyboard.press("Tab");
    if ((await focused(page)).includes(words)) {
      return;
    }
  }
  assert.fail(`Tab did not lead to "${words}"`);
}

export async function needsNoMouse({ browser, url, model, host }) {
  const id = await submit(url, { model });
  await ended(url, id);
  const { page } = browser;
  const press = async (...keys) => {
    for (const key of keys) {
      await page.keyboard.press(key);
    }
  };
  await browser.open("now", "Since the start");
  await press("Tab");
  assert.equal(await focused(page), "Skip to the content");
  await press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");

  await press("g", "t");
  await browser.see(id);
  await browser.until(() => document.activeElement.id === "title");
  await press("j");
  await browser.until(() => document.activeElement.matches("[data-row]"));
  await press("j", "k", "Enter");
  await browser.see("Timeline");
  await tabTo(page, "Show result");
  await press("Enter");
  await page.locator('[aria-label="Text of the result"]').waitFor();

  await press("g", "h");
  await browser.see(host);
  await press("/");
  await page.keyboard.type(host);
  await press("Enter");
  await browser.see("Connections");
  await press("?");
  await browser.see("Keyboard", "dialog[open]");
  await press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });

  await press("g", "k");
  await browser.see("Join tokens of hosts");
  await tabTo(page, "New token");
  await press("Enter");
  await page.locator("dialog[open]").waitFor();
  await page.keyboard.type("by keyboard");
  await press("Enter");
  await browser.see("pollard agent --gateway", "dialog[open]");
  await press("Escape");
  await browser.see("by keyboard");
  for (const [key, title] of [
    ["m", "Models"],
    ["s", "Settings"],
    ["y", "Try it"],
    ["n", "Now"],
  ]) {
    await press("g", key);
    await page.getByRole("heading", { level: 1, name: title }).waitFor();
  }
}

export async function fitsAPhone(given) {
  const { browser } = given;
  const pages = await allPages(given);
  await browser.newPage({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  for (const [hash, text] of pages) {
    await browser.open(hash, text);
    const wide = await browser.page.evaluate(() =>
      [
        document.documentElement,
        document.body,
        document.getElementById("main"),
        ...document.querySelectorAll("main .card, main .window-table"),
      ]
        .filter((element) => element.scrollWidth > element.clientWidth + 1)
        .map((element) => `${element.tagName}.${element.className}: ${element.scrollWidth} > ${element.clientWidth}`),
    );
    assert.deepEqual(wide, [], hash);
    const beyond = await browser.page.evaluate(() =>
      [...document.querySelectorAll("button, a, input, select")]
        .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
        .map((element) => element.textContent),
    );
    assert.deepEqual(beyond, [], `${hash}: out of reach`);
  }
  await browser.page.getByRole("button", { name: "More" }).click();
  await browser.page.locator("dialog").getByRole("link", { name: "Settings" }).click();
  await browser.see("POLLARD_URLS");
}

export async function hasNoBarriers(given) {
  const { browser } = given;
  const pages = await allPages(given);
  for (const colorScheme of ["light", "dark"]) {
    await browser.newPage({ colorScheme, reducedMotion: "reduce" });
    for (const [hash, text] of pages) {
      await browser.open(hash, text);
      await checkBarriers(browser, `${hash} in ${colorScheme}`);
    }
    await browser.open("keys", "Keys of clients");
    await browser.page.getByRole("button", { name: "New key" }).click();
    await checkBarriers(browser, `the form of a key in ${colorScheme}`);
  }
}

export async function hasNoBarriersAtTheLogin({ browser }) {
  for (const colorScheme of ["light", "dark"]) {
    await browser.newPage({ colorScheme });
    await browser.open("now");
    await browser.page.locator("#key").fill("pk_wrong");
    await browser.page.keyboard.press("Enter");
    await browser.see("invalid api key");
    await checkBarriers(browser, `the login in ${colorScheme}`);
  }
}

async function checkBarriers({ page }, where) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
  );
  const found = violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join("; ")}`,
  );
  assert.deepEqual(found, [], where);
}

/** The choice of colours is kept. */
export async function keepsTheTheme({ browser }) {
  await browser.newPage({ colorScheme: "light" });
  await browser.open("now", "Since the start");
  const colour = () => browser.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await colour();
  await browser.page.getByRole("button", { name: "Theme: system" }).click();
  await browser.page.getByRole("button", { name: "Theme: light" }).click();
  await browser.page.getByRole("button", { name: "Theme: dark" }).waitFor();
  const dark = await colour();
  assert.notEqual(dark, light);
  await browser.page.reload();
  await browser.see("Since the start");
  assert.equal(await colour(), dark);
}
