// Every page shows what the gateway has, and goes on doing so by itself.
import assert from "node:assert/strict";
import { api, ended, submit } from "./gateway.mjs";

export async function showsRealData({ browser, url, model, host }) {
  const id = await submit(url, { model });
  const task = await ended(url, id);
  const text = task.result.choices[0].message.content;

  await browser.open("now", "online");
  await browser.until(
    () =>
      Number(
        [...document.querySelectorAll(".totals div")]
          .find((line) => line.innerText.startsWith("completed"))
          ?.querySelector("dd").textContent,
      ) > 0,
  );
  await browser.open("tasks", id);
  await browser.page.locator(`[data-row][href="#/tasks/${id}"]`).click();
  await browser.see("Completed");
  await browser.see(host);
  await browser.page.getByRole("button", { name: "Show request" }).click();
  await browser.see("Tell me about rivers.");
  await browser.page.getByRole("button", { name: "Show result" }).click();
  await browser.until((all) => document.querySelector('[aria-label="Text of the result"]')?.textContent === all, text);

  await browser.open("hosts", host);
  await browser.page.locator("[data-row]").first().click();
  await browser.see(model);
  await browser.see("HTTP/2 stream");
  await browser.see("still here");
  await browser.open("models", model);
  await browser.open("keys", "Join tokens of hosts");
  await browser.open("settings", "--urls");
  await browser.see("POLLARD_URLS");
}

export async function changesWithoutReload({ browser, url, ask, model, host }) {
  await browser.open("tasks", "Tasks");
  await browser.mark();
  const id = await submit(url, { model, text: "Tell me everything." });
  await browser.page.locator(`[data-row][href="#/tasks/${id}"]`).click();
  for (let times = 0, seen = 0; times < 3; times++) {
    const longer = await browser.until((length) => {
      const now = document.querySelector('[aria-label="Output so far"]')?.textContent.length ?? 0;
      return now > length ? now : false;
    }, seen);
    seen = await longer.jsonValue();
  }

  await browser.open("now", model);
  await browser.page.locator(`.running [href="#/tasks/${id}"] .running-text`).waitFor();
  await browser.open(`tasks/${id}`, "Cancel task");
  await browser.page.getByRole("button", { name: "Cancel task" }).click();
  await browser.see(id, "dialog");
  await browser.page.getByRole("button", { name: "Cancel the task" }).click();
  await browser.page.locator('h1 [data-state="cancelled"]').waitFor();
  assert.equal((await api(url, `/v1/tasks/${id}`)).state, "cancelled");
  await browser.page.getByRole("button", { name: "Retry" }).click();
  await browser.page.getByRole("button", { name: "Start over" }).click();
  await browser.page.locator("dialog").waitFor({ state: "detached" }); // It stays open where that failed.
  await browser.page.locator('h1 [data-state="running"]').waitFor();
  await api(url, `/v1/tasks/${id}`, { method: "DELETE" });
  await browser.page.locator('h1 [data-state="cancelled"]').waitFor();

  await browser.open("hosts", host);
  await browser.page.locator('.hosts-table [data-state="online"]').first().waitFor();
  await ask("stop the agent");
  await browser.page.locator('.hosts-table [data-state="offline"]').first().waitFor();
  await ask("start the agent");
  await browser.page.locator('.hosts-table [data-state="online"]').first().waitFor();
  await browser.checkMarked();
}

export async function drainsAndResumes({ browser, url, host }) {
  const { id } = (await api(url, "/v1/hosts")).hosts.find(({ name }) => name === host);
  await browser.open(`hosts/${id}`, host);
  await browser.page.getByRole("button", { name: "Drain" }).click();
  await browser.see(host, "dialog");
  await browser.page.locator("dialog").getByRole("button", { name: "Drain" }).click();
  await browser.page.locator('h1 [data-state="draining"]').waitFor();
  await browser.page.getByRole("button", { name: "Resume" }).click();
  await browser.page.locator('h1 [data-state="online"]').waitFor();
}

export async function asksAPerson({ browser, url, model }) {
  const id = await submit(url, {
    model,
    validation: [{ type: "contains", params: { required_text: "no model says this" } }],
    retry_config: { max_attempts: 3 },
    max_attempts_before_human: 1,
  });
  await browser.open(`tasks/${id}`, "Your word is needed");
  await browser.see("Checks of answers");
  await browser.see(/fence \d+\.\d+/);
  await browser.page.getByRole("button", { name: "Accept the last answer" }).click();
  await browser.page.locator('h1 [data-state="completed"]').waitFor();
  assert.equal((await api(url, `/v1/tasks/${id}`)).state, "completed");
}

export async function saysWhyATaskWaits({ browser, url }) {
  const id = await submit(url, { model: "nobody-has-this" });
  await browser.open(`tasks/${id}`, "Why it waits");
  const { summary } = await api(url, `/v1/tasks/${id}/why`);
  await browser.see(summary);
  await browser.open("now", "nobody-has-this");
  await api(url, `/v1/tasks/${id}`, { method: "DELETE" });
}

export async function triesAModel({ browser, url, model }) {
  await browser.open("try");
  await browser.page.locator("#try-model").selectOption(model);
  await browser.page.locator("#try-system").fill("It's short; don't \"quote\" $HOME `me`.");
  await browser.page.locator("#try-text").fill("Tell me about lakes.");
  await browser.page.keyboard.press("Enter");
  await browser.see("its task");
  await browser.see(/\d+ tokens in/);
  const answer = await browser.page.locator('.turn[data-role="assistant"] .turn-text').textContent();
  assert.notEqual(answer, "");
  await browser.page.locator("summary").last().click();
  const line = await browser.page.locator(".command pre").textContent();
  const { execFileSync } = await import("node:child_process");
  const said = execFileSync("sh", ["-c", line.replace("curl -N", "curl -sSN")], { encoding: "utf8" });
  assert.match(said, /data: \{.*\n\ndata: \[DONE\]/s, `the shown command:\n${line}`);
  await browser.page.getByRole("link", { name: "its task" }).click();
  await browser.page.locator('h1 [data-state="completed"]').waitFor();
}

export async function stopsAnAnswer({ browser, url, model }) {
  await browser.open("try");
  await browser.page.locator("#try-model").selectOption(model);
  await browser.page.locator("#try-text").fill("Tell me everything.");
  await browser.page.keyboard.press("Enter");
  await browser.until(() => document.querySelector('.turn[data-role="assistant"] .turn-text')?.textContent.length > 5);
  const id = (await browser.page.getByRole("link", { name: "its task" }).getAttribute("href")).split("/").at(-1);
  await browser.page.getByRole("button", { name: "Stop" }).click();
  await browser.see("Stopped.");
  assert.equal((await ended(url, id)).state, "cancelled");
}

/** One stream at a time: the overview's, or that of the task that is looked at; none while nobody sees the page. */
export async function keepsOneStream({ browser, url, model }) {
  await browser.page.addInitScript(() => {
    window.streams = [];
    const Real = EventSource;
    window.EventSource = class extends Real {
      constructor(address) {
        super(address);
        streams.push(this);
      }
    };
  });
  const areOpen = (...ends) =>
    browser.until((wanted) => {
      const open = streams.filter(({ readyState }) => readyState === EventSource.OPEN);
      const addresses = open.map((stream) => new URL(stream.url).pathname);
      return addresses.length === wanted.length && addresses.every((path, at) => path.endsWith(wanted[at]));
    }, ends);
  const hide = (hidden) =>
    browser.page.evaluate((value) => {
      Object.defineProperty(document, "hidden", { value, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);

  await browser.open("now", "Since the start");
  await areOpen("/v1/overview/events");
  await hide(true);
  await areOpen();
  await hide(false);
  await areOpen("/v1/overview/events");
  const id = await submit(url, { model, text: "Tell me everything." });
  await browser.open(`tasks/${id}`, "Output so far");
  await areOpen(`/v1/tasks/${id}/events`);
  await api(url, `/v1/tasks/${id}`, { method: "DELETE" });
  await areOpen("/v1/overview/events");
}
